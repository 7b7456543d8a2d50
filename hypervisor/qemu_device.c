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
/* That of one of the host's pins all of the guest's memory: some tenths of a second a GiB, far more where KVM is emulated. */
#define ADD_PINNED_MS 300000
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

static json_t *chardev_args(const struct device *dev)
{
	bool server = dev->kind != DEVICE_FS && dev->vhost.listening;
	char chr[40];

	chardev_name(dev, chr);
	/* A server that waits would do so in chardev-add; the device waits for its first connection by itself. */
	return json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b, s:o*}}}", "id", chr, "backend",
			 "type", "socket", "data", "addr", "type", "fd", "data", "str", dev->id,
			 "server", (int)server, "wait", server ? json_false() : NULL);
}

static json_t *chardev_id(const struct device *dev)
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

static json_t *vsock_args(const struct device *dev)
{
	char port[16];

	port_name(dev, port);
	return json_pack("{s:s, s:s, s:s, s:I, s:s}", "driver", "vhost-vsock-pci", "id", dev->id,
			 "bus", port, "guest-cid", (json_int_t)dev->vsock.cid, "vhostfd", dev->id);
}

/* ---- virtio-blk: the descriptor travels in a set of its own, from which the block layer takes it ---- */

/* One set a port: as unique as the device while it is there. */
static int fdset(const struct device *dev)
{
	return dev->port + 1;
}

static json_t *fdset_add_args(const struct device *dev)
{
	return json_pack("{s:i, s:s}", "fdset-id", fdset(dev), "opaque", dev->id);
}

static json_t *fdset_id(const struct device *dev)
{
	return json_pack("{s:i}", "fdset-id", fdset(dev));
}

static json_t *node_args(const struct device *dev)
{
	char file[32];

	snprintf(file, sizeof(file), "/dev/fdset/%d", fdset(dev));
	/*
	 * Never probed for a format: the guest could write the header of one. A file is locked the way QEMU's tools do it, too;
	 * a block device was opened exclusively.
	 */
	return json_pack("{s:s, s:s, s:b, s:{s:b}, s:{s:s, s:s, s:b, s:s}}", "driver", "raw",
			 "node-name", dev->id, "read-only", (int)dev->blk.readonly, "cache",
			 "no-flush", 0, "file", "driver",
			 dev->blk.host_device ? "host_device" : "file", "filename", file,
			 "read-only", (int)dev->blk.readonly, "locking",
			 dev->blk.host_device ? "off" : "auto");
}

static json_t *grow_args(const struct device *dev)
{
	return json_pack("{s:s, s:I}", "node-name", dev->id, "size", (json_int_t)dev->blk.size);
}

static json_t *node_name(const struct device *dev)
{
	return json_pack("{s:s}", "node-name", dev->id);
}

static json_t *blk_args(const struct device *dev)
{
	char port[16];

	port_name(dev, port);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "driver", "virtio-blk-pci", "id", dev->id,
			 "bus", port, "drive", dev->id, "serial", dev->id);
}

/* ---- vhost-user disks and controllers ---- */

static json_t *vhost_args(const struct device *dev)
{
	bool blk = dev->kind == DEVICE_VHOST_BLK;
	char chr[40], port[16];
	json_t *o;

	chardev_name(dev, chr);
	port_name(dev, port);
	o = json_pack("{s:s, s:s, s:s, s:s}", "driver",
		      blk ? "vhost-user-blk-pci" : "vhost-user-scsi-pci", "id", dev->id, "bus",
		      port, "chardev", chr);
	if (o && dev->vhost.queues)
		json_object_set_new(o, blk ? "num-queues" : "num_queues",
				    json_integer(dev->vhost.queues));
	if (o && dev->vhost.queue_size)
		json_object_set_new(o, blk ? "queue-size" : "virtqueue_size",
				    json_integer(dev->vhost.queue_size));
	return o;
}

/* ---- network ---- */

static json_t *netdev_args(const struct device *dev)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "type", "tap", "id", dev->id, "fd", dev->id,
			 "vhost", (int)dev->net.vhost);
}

/* No option ROM: nothing is booted from the network. */
static json_t *net_args(const struct device *dev)
{
	const char *mac = dev->kind == DEVICE_NET ? dev->net.mac : dev->vhost_net.mac;
	char port[16];
	json_t *o;

	port_name(dev, port);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "driver", "virtio-net-pci", "id", dev->id,
		      "bus", port, "netdev", dev->id, "mac", mac, "romfile", "");
	if (o && dev->kind == DEVICE_VHOST_NET && dev->vhost_net.no_msix)
		json_object_set_new(o, "vectors", json_integer(0));
	return o;
}

/* QEMU passes descriptors on only over sockets that it knows by name. */
static json_t *vhost_net_chardev_args(const struct device *dev)
{
	char chr[40];

	chardev_name(dev, chr);
	return json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b, s:b}}}", "id", chr, "backend",
			 "type", "socket", "data", "addr", "type", "unix", "data", "path",
			 dev->vhost_net.path, "server", 1, "wait", 0);
}

static json_t *vhost_netdev_args(const struct device *dev)
{
	char chr[40];

	chardev_name(dev, chr);
	return json_pack("{s:s, s:s, s:s}", "type", "vhost-user", "id", dev->id, "chardev", chr);
}

/* ---- devices of the host: QEMU finds group and node by the address, see monitor/jail_vfio.c ---- */

/* No option ROM here either. */
static json_t *vfio_args(const struct device *dev)
{
	char port[16];

	port_name(dev, port);
	return json_pack("{s:s, s:s, s:s, s:s, s:i}", "driver", "vfio-pci", "id", dev->id, "bus",
			 port, "host", dev->vfio.address, "rombar", 0);
}

#define GETFD                                                                                \
	{                                                                                    \
		.command = "getfd", .timeout_ms = CALL_MS, .args = fd_args, .fd = device_fd, \
		.undo = "closefd", .undo_args = fd_args                                      \
	}
#define MAKE(cmd, args_fn, undo_cmd, undo_fn)                                                   \
	{                                                                                       \
		.command = (cmd), .timeout_ms = CALL_MS, .args = (args_fn), .undo = (undo_cmd), \
		.undo_args = (undo_fn)                                                          \
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
	GETFD,
	MAKE("chardev-add", chardev_args, "chardev-remove", chardev_id),
	DEVICE_ADD(fs_args),
	{ 0 },
};

static const struct qemu_step chardev_detach[] = {
	DEVICE_DEL,
	{ .command = "chardev-remove", .timeout_ms = CALL_MS, .args = chardev_id },
	{ 0 },
};

static const struct qemu_step vsock_attach[] = { GETFD, DEVICE_ADD(vsock_args), { 0 } };
static const struct qemu_step vsock_detach[] = { DEVICE_DEL, { 0 } };

static const struct qemu_step blk_attach[] = {
	{ .command = "add-fd",
	  .timeout_ms = CALL_MS,
	  .args = fdset_add_args,
	  .fd = device_fd,
	  .undo = "remove-fd",
	  .undo_args = fdset_id },
	MAKE("blockdev-add", node_args, "blockdev-del", node_name),
	DEVICE_ADD(blk_args),
	{ 0 },
};

static const struct qemu_step blk_detach[] = {
	DEVICE_DEL,
	{ .command = "blockdev-del", .timeout_ms = CALL_MS, .args = node_name },
	{ .command = "remove-fd", .timeout_ms = CALL_MS, .args = fdset_id, .gone_is_fine = true },
	{ 0 },
};

const struct qemu_step qemu_grow_steps[] = {
	{ .command = "block_resize", .timeout_ms = CALL_MS, .args = grow_args },
	{ 0 },
};

static const struct qemu_step vhost_attach[] = {
	GETFD,
	MAKE("chardev-add", chardev_args, "chardev-remove", chardev_id),
	DEVICE_ADD(vhost_args),
	{ 0 },
};

static const struct qemu_step net_attach[] = {
	GETFD,
	MAKE("netdev_add", netdev_args, "netdev_del", id_args),
	DEVICE_ADD(net_args),
	{ 0 },
};

static const struct qemu_step net_detach[] = {
	DEVICE_DEL,
	{ .command = "netdev_del", .timeout_ms = CALL_MS, .args = id_args },
	{ 0 },
};

static const struct qemu_step vhost_net_attach[] = {
	MAKE("chardev-add", vhost_net_chardev_args, "chardev-remove", chardev_id),
	MAKE("netdev_add", vhost_netdev_args, "netdev_del", id_args),
	DEVICE_ADD(net_args),
	{ 0 },
};

static const struct qemu_step vhost_net_detach[] = {
	DEVICE_DEL,
	{ .command = "netdev_del", .timeout_ms = CALL_MS, .args = id_args },
	{ .command = "chardev-remove", .timeout_ms = CALL_MS, .args = chardev_id },
	{ 0 },
};

static const struct qemu_step vfio_attach[] = {
	{ .command = "device_add", .timeout_ms = ADD_PINNED_MS, .args = vfio_args },
	{ 0 },
};
static const struct qemu_step vfio_detach[] = { DEVICE_DEL, { 0 } };

static const struct {
	const struct qemu_step *attach, *detach;
} kinds[DEVICE_KINDS] = {
	[DEVICE_FS] = { fs_attach, chardev_detach },
	[DEVICE_VSOCK] = { vsock_attach, vsock_detach },
	[DEVICE_NET] = { net_attach, net_detach },
	[DEVICE_BLK] = { blk_attach, blk_detach },
	[DEVICE_VHOST_BLK] = { vhost_attach, chardev_detach },
	[DEVICE_VHOST_SCSI] = { vhost_attach, chardev_detach },
	[DEVICE_VHOST_NET] = { vhost_net_attach, vhost_net_detach },
	[DEVICE_VFIO] = { vfio_attach, vfio_detach },
};

const struct qemu_step *qemu_attach_steps(const struct device *dev)
{
	return kinds[dev->kind].attach;
}

const struct qemu_step *qemu_detach_steps(const struct device *dev)
{
	return kinds[dev->kind].detach;
}
