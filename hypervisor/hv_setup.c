/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hv_setup.h"

#include <string.h>

#include "devices/vfio.h"

/* One that becomes a template is never given a file. Any other may be, as long as it runs: by a container that joins it. */
static bool writes_files(const struct vm_setup *s)
{
	return !s->template || strcmp(s->template, VM_TEMPLATE_SAVE) != 0;
}

static size_t vfio_devices(const struct vm_setup *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_devices; i++)
		n += strcmp(s->devices[i].kind, VM_DEVICE_VFIO) == 0;
	return n;
}

void hv_config_from_setup(const struct vm_setup *s, const char *kernel, const char *initrd,
			  const char *cmdline, struct hv_config *ret)
{
	*ret = (struct hv_config){
		.id = s->id,
		.path = s->path,
		.machine = s->machine,
		.accel = s->accel,
		.cpu = s->cpu,
		.kernel = kernel,
		.initrd = initrd,
		.cmdline = cmdline,
		.firmware = s->firmware,
		.memory = s->memory,
		.max_memory = s->max_memory,
		.vcpus = s->vcpus,
		.max_vcpus = s->max_vcpus,
		.one_thread = s->one_thread,
		.shared_memory = true,
		.hugepages = s->hugepages,
		.iommu = s->iommu,
		.reclaim = s->reclaim,
		.locked = vfio_locked_bytes(s->max_memory > s->memory ? s->max_memory : s->memory,
					    vfio_devices(s)),
		.ports = s->ports,
		.image_files = writes_files(s),
		.debug = s->debug,
		.uid = s->uid ? s->uid + 1 : 0,
		.gid = s->uid ? s->uid + 1 : 0,
	};
}
