/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QMP commands that bring each kind of device into the VM and out of it
 * again. Descriptors are handed over under the device's id; QEMU closes its
 * copy of one that nobody took when the command that names it has failed.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "devices/device.h"
#include "hypervisor/qemu.h"

#define CALL_MS 10000
/* device_add of a vhost-user device talks to the daemon before it answers. */
#define ADD_MS 20000
/* ACPI unplug takes 40 ms, native PCIe hot-plug 6 s: its attention button waits that long. */
#define UNPLUG_MS 30000

/* "rp3" */
static void port_name(const struct device *dev, char ret[16])
{
	snprintf(ret, 16, "rp%d", dev->port);
}

/* The character device of a vhost-user device: "fs0-chr". */
static void chardev_name(const struct device *dev, char ret[40])
{
	snprintf(ret, 40, "%s-chr", dev->id);
}

static json_t *fd_args(const struct device *dev)
{
	return json_pack("{s:s}", "fdname", dev->id);
}

static json_t *id_args(const struct device *dev)
{
	return json_pack("{s:s}", "id", dev->id);
}

static int fs_fd(const struct device *dev)
{
	return dev->fs.socket;
}

static json_t *fs_chardev_args(const struct device *dev)
{
	char chr[40];

	chardev_name(dev, chr);
	return json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b}}}", "id", chr, "backend", "type",
			 "socket", "data", "addr", "type", "fd", "data", "str", dev->id, "server",
			 0);
}

static json_t *fs_chardev_id(const struct device *dev)
{
	char chr[40];

	chardev_name(dev, chr);
	return json_pack("{s:s}", "id", chr);
}

static json_t *fs_args(const struct device *dev)
{
	char chr[40], port[16];

	chardev_name(dev, chr);
	port_name(dev, port);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "driver", "vhost-user-fs-pci", "id",
			 dev->id, "bus", port, "chardev", chr, "tag", dev->fs.tag, "queue-size",
			 (json_int_t)dev->fs.queue_size);
}

static int vsock_fd(const struct device *dev)
{
	return dev->vsock.vhostfd;
}

static json_t *vsock_args(const struct device *dev)
{
	char port[16];

	port_name(dev, port);
	return json_pack("{s:s, s:s, s:s, s:I, s:s}", "driver", "vhost-vsock-pci", "id", dev->id,
			 "bus", port, "guest-cid", (json_int_t)dev->vsock.cid, "vhostfd", dev->id);
}

#define GETFD(fd_fn)                                                                       \
	{                                                                                  \
		.command = "getfd", .timeout_ms = CALL_MS, .args = fd_args, .fd = (fd_fn), \
		.undo = "closefd", .undo_args = fd_args                                    \
	}
#define DEVICE_ADD(args_fn)                                                      \
	{                                                                        \
		.command = "device_add", .timeout_ms = ADD_MS, .args = (args_fn) \
	}
#define DEVICE_DEL                                                                 \
	{                                                                          \
		.command = "device_del", .timeout_ms = CALL_MS, .args = id_args,   \
		.until = QEMU_DELETED, .until_ms = UNPLUG_MS, .gone_is_fine = true \
	}

static const struct qemu_step fs_attach[] = {
	GETFD(fs_fd),
	{ .command = "chardev-add",
	  .timeout_ms = CALL_MS,
	  .args = fs_chardev_args,
	  .undo = "chardev-remove",
	  .undo_args = fs_chardev_id },
	DEVICE_ADD(fs_args),
	{ 0 },
};

static const struct qemu_step fs_detach[] = {
	DEVICE_DEL,
	{ .command = "chardev-remove", .timeout_ms = CALL_MS, .args = fs_chardev_id },
	{ 0 },
};

static const struct qemu_step vsock_attach[] = { GETFD(vsock_fd), DEVICE_ADD(vsock_args), { 0 } };
static const struct qemu_step vsock_detach[] = { DEVICE_DEL, { 0 } };

static const struct {
	const struct qemu_step *attach, *detach;
} kinds[DEVICE_KINDS] = {
	[DEVICE_FS] = { fs_attach, fs_detach },
	[DEVICE_VSOCK] = { vsock_attach, vsock_detach },
};

const struct qemu_step *qemu_attach_steps(const struct device *dev)
{
	return kinds[dev->kind].attach;
}

const struct qemu_step *qemu_detach_steps(const struct device *dev)
{
	return kinds[dev->kind].detach;
}
