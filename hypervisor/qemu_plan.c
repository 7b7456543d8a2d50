/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured with QEMU 7.2.22, TCG and Debian's 6.12 cloud kernel: CPU seconds
 * of QEMU until the guest opens the agent's port, the least of 9 boots, 8 root ports.
 *
 *	q35 with qboot.rom 1.39, with SeaBIOS 1.50; microvm 1.35
 *	root ports: about 0.01 each (none: 1.33)
 *	machine switches: none costs or saves time, each removes a device
 *	tb-size 64, 128, 256 and the default: alike; 32 costs 0.05 and saves 14 MB
 *	virtio-serial with max_ports=2 and disable-legacy=on: no difference
 *
 * QEMU takes 60 to 70 ms to its first answer; half of that is the copying of the kernel's ELF image.
 */
#include "hypervisor/qemu_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "hypervisor/machine.h"

struct plan {
	char **argv;
	bool failed;
};

/* Adds option and, unless NULL, its value. */
static void add(struct plan *p, const char *option, const char *value)
{
	if (strv_add(&p->argv, option) < 0 || (value && strv_add(&p->argv, value) < 0))
		p->failed = true;
}

static void __attribute__((format(printf, 3, 4)))
addf(struct plan *p, const char *option, const char *fmt, ...)
{
	_free_ char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		value = NULL;
	va_end(ap);
	if (!value)
		p->failed = true;
	else
		add(p, option, value);
}

/* In a list of key=value a comma ends the value unless it is doubled. */
static char *escape_commas(const char *s)
{
	_buf_ struct buf b = { 0 };

	for (; *s; s++) {
		buf_append(&b, s, 1);
		if (*s == ',')
			buf_append(&b, s, 1);
	}
	return buf_steal(&b);
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int check_path(const char *what, const char *path, bool required, struct err *err)
{
	if (!path)
		return required ? err_set(err, EINVAL, "qemu: %s is missing", what) : 0;
	if (path[0] != '/')
		return err_set(err, EINVAL, "qemu: %s '%s' is not an absolute path", what, path);
	return 0;
}

static int check_numbers(const struct hv_config *cfg, struct err *err)
{
	/* To setresuid() this means "as it is". */
	if (cfg->uid == (uid_t)-1 || cfg->gid == (gid_t)-1)
		return err_set(err, EINVAL, "qemu: uid or gid is -1");
	if (cfg->memory == 0)
		return err_set(err, EINVAL, "qemu: memory is 0 MiB");
	if (cfg->vcpus == 0 || cfg->vcpus > QEMU_MAX_VCPUS)
		return err_set(err, EINVAL, "qemu: %u vcpus are not 1 to %u", cfg->vcpus,
			       QEMU_MAX_VCPUS);
	if (cfg->max_vcpus > QEMU_MAX_VCPUS)
		return err_set(err, EINVAL, "qemu: up to %u vcpus are more than %u", cfg->max_vcpus,
			       QEMU_MAX_VCPUS);
	if (qemu_memory_room(cfg) && (cfg->hugepages || strcmp(cfg->machine, "q35") != 0))
		return err_set(err, EINVAL,
			       "qemu: memory can only be added to a q35 machine without hugepages");
	if (cfg->iommu && strcmp(cfg->machine, "q35") != 0)
		return err_set(err, EINVAL, "qemu: only a q35 machine has an IOMMU");
	if (cfg->memory_fd > 0 && (!cfg->shared_memory || cfg->hugepages))
		return err_set(err, EINVAL,
			       "qemu: memory from a file is shared and has no hugepages");
	if (cfg->restore_fd > 0 && cfg->memory_fd <= 0)
		return err_set(err, EINVAL, "qemu: a state to restore comes with its memory");
	if (cfg->ports > QEMU_MAX_PORTS)
		return err_set(err, EINVAL, "qemu: %u pcie root ports are more than %u", cfg->ports,
			       QEMU_MAX_PORTS);
	return 0;
}

static int check(const struct hv_config *cfg, struct err *err)
{
	int r;

	if (!cfg->id || !*cfg->id || has_control(cfg->id))
		return err_set(err, EINVAL, "qemu: bad id");
	if (!cfg->machine || !hv_machine_cmdline(cfg->machine))
		return err_set(err, EINVAL, "qemu: machine type '%s' is not one of q35, microvm",
			       cfg->machine ? cfg->machine : "");
	if (!cfg->accel || (strcmp(cfg->accel, "kvm") != 0 && strcmp(cfg->accel, "tcg") != 0))
		return err_set(err, EINVAL, "qemu: accelerator '%s' is not one of kvm, tcg",
			       cfg->accel ? cfg->accel : "");
	if ((r = check_path("path", cfg->path, true, err)) < 0 ||
	    (r = check_path("kernel", cfg->kernel, true, err)) < 0 ||
	    (r = check_path("initrd", cfg->initrd, false, err)) < 0 ||
	    (r = check_path("firmware", cfg->firmware, false, err)) < 0)
		return r;
	if (cfg->cpu && (!*cfg->cpu || has_control(cfg->cpu)))
		return err_set(err, EINVAL, "qemu: bad cpu model");
	if (cfg->cmdline && has_control(cfg->cmdline))
		return err_set(err, EINVAL, "qemu: control character in the kernel command line");
	if (cfg->cmdline && strlen(cfg->cmdline) > QEMU_MAX_CMDLINE)
		return err_set(err, EINVAL,
			       "qemu: kernel command line of %zu bytes is longer than %u",
			       strlen(cfg->cmdline), QEMU_MAX_CMDLINE);
	return check_numbers(cfg, err);
}

bool qemu_uses_memfd(const struct hv_config *cfg)
{
	return cfg->shared_memory || cfg->hugepages || cfg->memory_fd > 0;
}

uint32_t qemu_memory_room(const struct hv_config *cfg)
{
	return cfg->max_memory > cfg->memory ? cfg->max_memory - cfg->memory : 0;
}

/* In sockets of their own: a guest takes an empty core of a socket that is in use for a broken one. */
static void add_vcpus(struct plan *p, const struct hv_config *cfg)
{
	if (cfg->max_vcpus > cfg->vcpus)
		addf(p, "-smp", "%u,sockets=%u,cores=1,threads=1,maxcpus=%u", cfg->vcpus,
		     cfg->max_vcpus, cfg->max_vcpus);
	else
		addf(p, "-smp", "%u", cfg->vcpus);
}

/*
 * virtio-mem and not DIMMs: its whole room is part of the memory that vhost-user daemons are told of when they are
 * attached, so that nothing changes for them when the guest gets a piece of it; it can shrink; it takes no slots. Only what
 * the guest has been offered is ever used.
 */
static void add_memory_room(struct plan *p, const struct hv_config *cfg)
{
	uint32_t room = qemu_memory_room(cfg);

	if (room == 0)
		return;
	addf(p, "-object", "memory-backend-memfd,id=m1,size=%uM,share=%s,reserve=off", room,
	     cfg->shared_memory ? "on" : "off");
	addf(p, "-device", "virtio-mem-pci,id=%s,memdev=m1,requested-size=0", QEMU_MEMORY_DEVICE);
}

static void add_machine(struct plan *p, const struct hv_config *cfg)
{
	bool tcg = strcmp(cfg->accel, "tcg") == 0;

	if (strcmp(cfg->machine, "microvm") == 0)
		add(p, "-machine",
		    "microvm,pcie=on,usb=off,graphics=off,dump-guest-core=off,mem-merge=off,"
		    "memory-backend=m0");
	else
		addf(p, "-machine",
		     "q35,usb=off,vmport=off,smbus=off,sata=off,hpet=off,smm=off,graphics=off,"
		     "dump-guest-core=off,mem-merge=off,memory-backend=m0%s",
		     cfg->iommu ? ",kernel-irqchip=split" : "");
	/* tb-size in MiB: translated code is most of QEMU's own memory. */
	if (tcg)
		addf(p, "-accel", "tcg,thread=%s,tb-size=64", cfg->one_thread ? "single" : "multi");
	else
		add(p, "-accel", "kvm");
	/* TCG runs "rep movsb" byte by byte: without erms the guest copies in words, stdio is nearly twice as fast. */
	add(p, "-cpu", cfg->cpu ? cfg->cpu : tcg ? "max,-erms" : "host");
	add_vcpus(p, cfg);
	if (qemu_memory_room(cfg))
		addf(p, "-m", "%uM,maxmem=%uM", cfg->memory, cfg->max_memory);
	else
		addf(p, "-m", "%uM", cfg->memory);
	if (cfg->memory_fd > 0)
		addf(p, "-object",
		     "memory-backend-file,id=m0,mem-path=/proc/self/fd/%d,size=%uM,share=on",
		     QEMU_FD_MEMORY, cfg->memory);
	else if (qemu_uses_memfd(cfg))
		addf(p, "-object", "memory-backend-memfd,id=m0,size=%uM,share=%s%s", cfg->memory,
		     cfg->shared_memory ? "on" : "off", cfg->hugepages ? ",hugetlb=on" : "");
	else
		addf(p, "-object", "memory-backend-ram,id=m0,size=%uM,share=off", cfg->memory);
}

static void add_boot(struct plan *p, const struct hv_config *cfg)
{
	static const char qboot[] = "/usr/share/qemu/qboot.rom";

	/* qboot does nothing but start the kernel; the default on q35 is SeaBIOS. */
	if (cfg->firmware)
		add(p, "-bios", cfg->firmware);
	else if (access(qboot, R_OK) == 0)
		add(p, "-bios", qboot);
	/* These three are taken as they are: no commas to double. */
	add(p, "-kernel", cfg->kernel);
	if (cfg->initrd)
		add(p, "-initrd", cfg->initrd);
	if (cfg->cmdline)
		add(p, "-append", cfg->cmdline);
}

/* The balloon is never inflated: it is there for the guest's reports of free pages (virtio 1.2, section 5.5.6.7). */
static void add_balloon(struct plan *p, const struct hv_config *cfg)
{
	if (cfg->reclaim)
		add(p, "-device",
		    "virtio-balloon-pci,id=balloon0,free-page-reporting=on,disable-legacy=on");
}

static void add_channels(struct plan *p, const struct hv_config *cfg)
{
	addf(p, "-chardev", "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	add(p, "-mon", "chardev=qmp,mode=control");
	addf(p, "-chardev", "socket,id=console,fd=%d", QEMU_FD_CONSOLE);
	add(p, "-serial", "chardev:console");
	if (cfg->vsock_cid != 0)
		return;
	/* Port 0 is kept for a console by the driver, the agent's is 1: two ports are enough. */
	add(p, "-device", "virtio-serial-pci,id=serial0,max_ports=2,disable-legacy=on");
	addf(p, "-chardev", "socket,id=agent,fd=%d", QEMU_FD_AGENT);
	add(p, "-device",
	    "virtserialport,bus=serial0.0,nr=1,chardev=agent,id=agent,name=moat.agent");
}

/*
 * Before every device that it is for. caching-mode: the guest tells of each new mapping, without which devices of the host (VFIO)
 * would not get any. intremap: else the guest's vfio refuses to work; with KVM it takes a split irqchip.
 */
static void add_iommu(struct plan *p, const struct hv_config *cfg)
{
	if (cfg->iommu)
		add(p, "-device", "intel-iommu,intremap=on,caching-mode=on");
}

static void add_ports(struct plan *p, const struct hv_config *cfg)
{
	/*
	 * chassis and slot name a hot-plug slot and must be unique together; 0 is the root complex itself.
	 * Fixed addresses: what sits on port i is at PCI path <QEMU_PORT_SLOT + i>/00 whatever else there is.
	 */
	for (uint32_t i = 0; i < cfg->ports; i++)
		addf(p, "-device", "pcie-root-port,id=rp%u,bus=pcie.0,addr=0x%x,chassis=%u,slot=%u",
		     i, QEMU_PORT_SLOT + i, i + 1, i + 1);
}

int qemu_plan(const struct hv_config *cfg, char ***ret_argv, struct err *err)
{
	struct plan p = { 0 };
	_free_ char *name = NULL;
	int r;

	r = check(cfg, err);
	if (r < 0)
		return r;
	name = escape_commas(cfg->id);
	p.failed = !name || strv_add(&p.argv, cfg->path) < 0;
	addf(&p, "-name", "guest=%s%s", name ? name : "", cfg->debug ? ",debug-threads=on" : "");
	add(&p, "-nodefaults", NULL);
	add(&p, "-no-user-config", NULL);
	/* A reboot of the guest ends the VM, as a power-off does. */
	add(&p, "-no-reboot", NULL);
	add(&p, "-display", "none");
	/* Paused before the first instruction, until `cont`. */
	add(&p, "-S", NULL);
	add(&p, "-sandbox",
	    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	/* The state comes over QMP, once the memory is complete. */
	if (cfg->restore_fd > 0)
		add(&p, "-incoming", "defer");
	add_machine(&p, cfg);
	add_iommu(&p, cfg);
	add_boot(&p, cfg);
	add_channels(&p, cfg);
	add_balloon(&p, cfg);
	add_memory_room(&p, cfg);
	add_ports(&p, cfg);
	if (p.failed) {
		strv_free(p.argv);
		return err_set(err, ENOMEM, "out of memory");
	}
	*ret_argv = p.argv;
	return 0;
}
