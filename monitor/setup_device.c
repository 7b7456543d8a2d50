/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/setup_device.h"

#include <stdio.h>
#include <string.h>

#include "monitor/jail.h"

int setup_device(const struct vm_setup *s, const struct vm_device *v, int fd, struct device *ret,
		 struct err *err)
{
	struct device dev = { 0 };

	if (strcmp(v->kind, VM_DEVICE_BLOCK) == 0 || strcmp(v->kind, VM_DEVICE_FILE) == 0) {
		dev.kind = DEVICE_BLK;
		dev.blk = (struct device_blk){ .fd = fd,
					       .host_device = strcmp(v->kind, VM_DEVICE_BLOCK) == 0,
					       .readonly = v->readonly };
	} else if (strcmp(v->kind, VM_DEVICE_VHOST_BLK) == 0 ||
		   strcmp(v->kind, VM_DEVICE_VHOST_SCSI) == 0) {
		dev.kind = strcmp(v->kind, VM_DEVICE_VHOST_BLK) == 0 ? DEVICE_VHOST_BLK :
								       DEVICE_VHOST_SCSI;
		dev.vhost = (struct device_vhost){ .socket = fd,
						   .queues = v->queues,
						   .queue_size = v->queue_size };
	} else if (strcmp(v->kind, VM_DEVICE_VHOST_NET) == 0) {
		/* Its relay has the descriptor by now. */
		dev.kind = DEVICE_VHOST_NET;
		snprintf(dev.vhost_net.path, sizeof(dev.vhost_net.path), JAIL_SOCKETS "/%d", fd);
		snprintf(dev.vhost_net.mac, sizeof(dev.vhost_net.mac), "%s", v->mac ? v->mac : "");
	} else if (strcmp(v->kind, VM_DEVICE_NET) == 0) {
		dev.kind = DEVICE_NET;
		dev.net.tap = fd;
		dev.net.vhost = s->vhost_net;
		snprintf(dev.net.mac, sizeof(dev.net.mac), "%s", v->mac ? v->mac : "");
	} else if (strcmp(v->kind, VM_DEVICE_VFIO) == 0) {
		/* Tried with QEMU 7.2 and KVM: any other guest says nothing any more. */
		if (strcmp(s->machine, "q35") != 0)
			return err_set(err, ENOTSUP, "VFIO needs machine type q35, not '%s'",
				       s->machine);
		dev.kind = DEVICE_VFIO;
		snprintf(dev.vfio.address, sizeof(dev.vfio.address), "%s",
			 v->address ? v->address : "");
	} else {
		return err_set(err, EPROTO, "device of the kind '%s'", v->kind);
	}
	*ret = dev;
	return 0;
}
