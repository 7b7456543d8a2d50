/* SPDX-License-Identifier: Apache-2.0 */
/* What a command's description of a device (wire/vm_setup.h) is to the device manager. */
#ifndef MOAT_MONITOR_SETUP_DEVICE_H
#define MOAT_MONITOR_SETUP_DEVICE_H

#include "devices/device.h"
#include "wire/vm_setup.h"

/* fd is put into *ret, but for vhost-user-net, whose relay has it, and vfio, which has none; v's own number for it is not looked at. -EPROTO: there is no such kind. */
int setup_device(const struct vm_setup *s, const struct vm_device *v, int fd, struct device *ret,
		 struct err *err);

#endif
