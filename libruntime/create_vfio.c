/* SPDX-License-Identifier: Apache-2.0 */
/* The part of create that gives PCI devices to a VM that runs. */
#include <errno.h>
#include <string.h>

#include "libruntime/creation.h"
#include "libruntime/vfio_jail.h"

#define PLUG_MS 320000 /* all of the guest's memory is pinned meanwhile: hypervisor/qemu_device.c */

int creation_check_vfio_mode(const struct creation *c, struct err *err)
{
	if (!c->vm.vfio_user || c->vm.setup.iommu || dev_plan_vfio(&c->devices, NULL) == 0)
		return 0;
	return err_set(
		err, ENOTSUP,
		"linux.devices: vfio_mode = \"vfio\" in [runtime] needs a guest with an IOMMU of its own: enable_iommu = true in [hypervisor.qemu]");
}

int creation_check_vfio(const struct creation *c, struct err *err)
{
	bool large = false;
	size_t n = dev_plan_vfio(&c->devices, &large);

	n += volume_plan_vfio(&c->volumes, &large);
	if (n == 0 || !large)
		return creation_check_vfio_mode(c, err);
	return err_set(
		err, ENOTSUP,
		"VFIO: a device with more than %llu MiB of memory regions has to be there when the guest boots: give it to the sandbox, not to a container that joins it",
		(unsigned long long)VFIO_HOTPLUG_MEMORY >> 20);
}

int creation_plug_vfio(struct creation *c, const struct vfio_group *g, struct plugged *ret,
		       struct err *err)
{
	const struct monitor_ref mon = { c->pod.monitor.pid, c->pod.monitor_pidfd };
	const struct vm_setup *s = &c->vm.setup;
	int r = vfio_jail_add(&mon, c->args->id, g,
			      s->max_memory > s->memory ? s->max_memory : s->memory, err);

	for (size_t i = 0; r >= 0 && i < g->n; i++) {
		const struct vm_device v = { .kind = (char *)VM_DEVICE_VFIO,
					     .address = (char *)g->v[i].address,
					     .group = g->number };

		r = plug(c->dir, c->args->id, &v, -EBADF, PLUG_MS, &ret[i], err);
		if (r < 0)
			return err_wrap(err, "PCI device %s", g->v[i].address);
	}
	return r;
}
