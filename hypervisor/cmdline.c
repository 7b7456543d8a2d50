/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/cmdline.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "hypervisor/machine.h"
#include "hypervisor/tsc.h"

/*
 * reboot=t panic=-1: a panic or reboot becomes a triple fault, which QEMU's -no-reboot turns into its end.
 * tsc=reliable no_timer_check: no watchdogs over emulated timers. cryptomgr.notests: saves 0.6 s
 * of self-tests under TCG. net.ifnames=0: names follow the kernel. initcall_blacklist: what no container uses but
 * costs 0.1 s under TCG (measured with Debian's 6.12 cloud kernel); names that a kernel lacks are ignored.
 */
static const char base_params[] =
	"console=ttyS0 reboot=t panic=-1 tsc=reliable no_timer_check random.trust_cpu=on cryptomgr.notests "
	"net.ifnames=0 initcall_blacklist=jent_mod_init,load_system_certificate_list,bpf_tcp_ca_kfunc_init,"
	"bpf_dummy_struct_ops_init,trace_eval_init,init_encrypted,crypto_kdf108_init";

int cmdline_build(const struct vm_setup *s, char **ret, struct err *err)
{
	struct buf b = {};
	const char *machine = hv_machine_cmdline(s->machine);
	uint32_t khz;

	buf_puts(&b, base_params);
	buf_puts(&b, s->debug ? " loglevel=7" : " quiet");
	if (machine && *machine)
		buf_printf(&b, " %s", machine);
	if (strcmp(s->accel, "tcg") == 0) {
		khz = tsc_khz();
		if (khz)
			buf_printf(&b, " tsc_early_khz=%u", khz);
	}
	/*
	 * memhp_default_state: memory that comes is put to use at once. swiotlb: memory that may come lies above 4 GiB, where old
	 * devices cannot reach; ours can, and the kernel is not to set 64 MiB aside to copy through.
	 */
	if (s->max_memory > s->memory)
		buf_puts(&b, " memhp_default_state=online swiotlb=noforce");
	/* pt: drivers of the guest's kernel do without it. */
	if (s->iommu)
		buf_puts(&b, " intel_iommu=on iommu=pt");
	if (s->vsock)
		buf_printf(&b, " moat.channel=vsock moat.port=%u", s->uid);
	if (s->kernel_params && *s->kernel_params)
		buf_printf(&b, " %s", s->kernel_params);
	*ret = buf_steal(&b);
	return *ret ? 0 : err_errno(err, ENOMEM, "kernel command line");
}
