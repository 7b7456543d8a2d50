/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "devices/device.h"
#include "devices/ports.h"

/* Entries of a virtqueue: what QEMU accepts. */
#define QUEUE_MIN 2
#define QUEUE_MAX 1024
#define VHOST_QUEUES_MAX 256u

/* Context ids below are reserved (hypervisor, loopback, host); the last one means "any". */
#define CID_MIN 3u
#define CID_MAX 0xfffffffeu

struct entry {
	struct device dev; /* first: handed out */
	struct entry *next;
};

struct devices {
	struct ports ports;
	struct entry *list;
	unsigned int next_number[DEVICE_KINDS];
};

struct kind_ops {
	const char *name; /* prefix of ids */
	const char *title; /* for messages */
	bool shares_memory;
	int (*check)(const struct devices *d, const struct device *dev, struct err *err);
	/* The descriptor that the device owns; NULL: this kind has none. */
	int *(*fd)(struct device *dev);
};

static int fs_check(const struct devices *d, const struct device *dev, struct err *err)
{
	const struct device_fs *fs = &dev->fs;
	size_t len = strnlen(fs->tag, sizeof(fs->tag));

	if (fs->socket < 0)
		return err_set(err, EBADF, "virtio-fs device without a socket");
	if (len == 0 || len == sizeof(fs->tag))
		return err_set(err, EINVAL, "virtio-fs tag must have 1 to %zu bytes",
			       sizeof(fs->tag) - 1);
	for (size_t i = 0; i < len; i++)
		if (fs->tag[i] <= ' ' || fs->tag[i] > '~')
			return err_set(err, EINVAL,
				       "virtio-fs tag has a byte that is not printable ascii");
	if (fs->queue_size < QUEUE_MIN || fs->queue_size > QUEUE_MAX ||
	    (fs->queue_size & (fs->queue_size - 1)))
		return err_set(err, EINVAL,
			       "virtio-fs queue size %u is not a power of two from %u to %u",
			       fs->queue_size, QUEUE_MIN, QUEUE_MAX);
	for (const struct entry *e = d->list; e; e = e->next)
		if (e->dev.kind == DEVICE_FS && strcmp(e->dev.fs.tag, fs->tag) == 0)
			return err_set(err, EEXIST, "virtio-fs tag '%s' is in use", fs->tag);
	return 0;
}

static int *fs_fd(struct device *dev)
{
	return &dev->fs.socket;
}

static int vsock_check(const struct devices *d, const struct device *dev, struct err *err)
{
	if (dev->vsock.vhostfd < 0)
		return err_set(err, EBADF, "vsock device without a vhost descriptor");
	if (dev->vsock.cid < CID_MIN || dev->vsock.cid > CID_MAX)
		return err_set(err, EINVAL, "vsock context id %u is reserved", dev->vsock.cid);
	for (const struct entry *e = d->list; e; e = e->next)
		if (e->dev.kind == DEVICE_VSOCK)
			return err_set(err, EEXIST, "a virtual machine has one vsock device");
	return 0;
}

static int *vsock_fd(struct device *dev)
{
	return &dev->vsock.vhostfd;
}

static int blk_check(const struct devices *d, const struct device *dev, struct err *err)
{
	return dev->blk.fd < 0 ? err_set(err, EBADF, "virtio-blk device without a descriptor") : 0;
}

static int *blk_fd(struct device *dev)
{
	return &dev->blk.fd;
}

static int vhost_check(const struct devices *d, const struct device *dev, struct err *err)
{
	const struct device_vhost *v = &dev->vhost;

	if (v->socket < 0)
		return err_set(err, EBADF, "vhost-user device without a socket");
	if (v->queues > VHOST_QUEUES_MAX)
		return err_set(err, EINVAL, "%u queues are more than %u", v->queues,
			       VHOST_QUEUES_MAX);
	if (v->queue_size && (v->queue_size < QUEUE_MIN || v->queue_size > QUEUE_MAX ||
			      (v->queue_size & (v->queue_size - 1))))
		return err_set(err, EINVAL, "queue size %u is not a power of two from %u to %u",
			       v->queue_size, QUEUE_MIN, QUEUE_MAX);
	return 0;
}

static int *vhost_fd(struct device *dev)
{
	return &dev->vhost.socket;
}

/* Six pairs of hexadecimal digits, not a group's address. */
static bool is_mac(const char *s)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	return s[17] == '\0' && strchr("02468aceACE", s[1]);
}

static int net_check(const struct devices *d, const struct device *dev, struct err *err)
{
	if (dev->net.tap < 0)
		return err_set(err, EBADF, "virtio-net device without a tap");
	if (!is_mac(dev->net.mac))
		return err_set(err, EINVAL, "'%.17s' is no MAC address of an interface",
			       dev->net.mac);
	return 0;
}

static int vhost_net_check(const struct devices *d, const struct device *dev, struct err *err)
{
	if (dev->vhost_net.path[0] != '/')
		return err_set(err, EINVAL, "vhost-user-net device without a socket");
	return is_mac(dev->vhost_net.mac) ?
		       0 :
		       err_set(err, EINVAL, "'%.17s' is no MAC address of an interface",
			       dev->vhost_net.mac);
}

static int *net_fd(struct device *dev)
{
	return &dev->net.tap;
}

static int vfio_check(const struct devices *d, const struct device *dev, struct err *err)
{
	const char *address = dev->vfio.address;

	if (!vfio_is_address(address))
		return err_set(err, EINVAL, "'%.*s' is no PCI address", VFIO_ADDRESS_SIZE - 1,
			       address);
	for (const struct entry *e = d->list; e; e = e->next)
		if (e->dev.kind == DEVICE_VFIO && strcmp(e->dev.vfio.address, address) == 0)
			return err_set(err, EEXIST, "PCI device %s is there twice", address);
	return 0;
}

static const struct kind_ops kinds[DEVICE_KINDS] = {
	[DEVICE_FS] = { "fs", "virtio-fs", true, fs_check, fs_fd },
	[DEVICE_VSOCK] = { "vsock", "vsock", false, vsock_check, vsock_fd },
	[DEVICE_BLK] = { "blk", "virtio-blk", false, blk_check, blk_fd },
	[DEVICE_VHOST_BLK] = { "vblk", "vhost-user-blk", true, vhost_check, vhost_fd },
	[DEVICE_NET] = { "net", "virtio-net", false, net_check, net_fd },
	[DEVICE_VHOST_NET] = { "vnet", "vhost-user-net", true, vhost_net_check, NULL },
	[DEVICE_VFIO] = { "vfio", "VFIO", false, vfio_check, NULL },
	[DEVICE_VHOST_SCSI] = { "vscsi", "vhost-user-scsi", true, vhost_check, vhost_fd },
};

static const struct kind_ops *kind_of(const struct device *dev)
{
	return (unsigned int)dev->kind < DEVICE_KINDS ? &kinds[dev->kind] : NULL;
}

void device_close(struct device *dev)
{
	const struct kind_ops *k = kind_of(dev);
	int *fd = k && k->fd ? k->fd(dev) : NULL;

	if (fd)
		*fd = fd_close(*fd);
}

int device_fd(const struct device *dev)
{
	const struct kind_ops *k = kind_of(dev);

	return k && k->fd ? *k->fd((struct device *)dev) : -EBADF;
}

const char *device_kind_name(enum device_kind kind)
{
	return (unsigned int)kind < DEVICE_KINDS ? kinds[kind].title : "unknown";
}

bool device_shares_memory(const struct device *dev)
{
	const struct kind_ops *k = kind_of(dev);

	return k && k->shares_memory;
}

int devices_new(unsigned int ports, struct devices **ret, struct err *err)
{
	struct devices *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(err, ENOMEM, "out of memory");
	r = ports_init(&d->ports, ports, err);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void devices_free(struct devices *d)
{
	if (!d)
		return;
	while (d->list)
		devices_remove(d, &d->list->dev);
	ports_done(&d->ports);
	free(d);
}

static int check(const struct devices *d, const struct device *dev, struct err *err)
{
	const struct kind_ops *k = kind_of(dev);

	return k ? k->check(d, dev, err) : err_set(err, EINVAL, "unknown kind of device");
}

int devices_add(struct devices *d, const struct device *dev, struct device **ret, struct err *err)
{
	struct device copy = *dev;
	struct entry *e = calloc(1, sizeof(*e));
	const char *kind;
	int r;

	if (!e) {
		device_close(&copy);
		return err_set(err, ENOMEM, "out of memory");
	}
	e->dev = copy;
	r = check(d, &e->dev, err);
	if (r < 0)
		goto fail;
	kind = kinds[e->dev.kind].name;
	r = ports_take(&d->ports, e, err);
	if (r < 0) {
		err_wrap(err, "cannot add a %s device", kind);
		goto fail;
	}
	e->dev.port = r;
	/* A number is never given twice: a late event about a removed device must not hit another one. */
	snprintf(e->dev.id, sizeof(e->dev.id), "%s%u", kind, d->next_number[e->dev.kind]++);
	e->next = d->list;
	d->list = e;
	*ret = &e->dev;
	return 0;
fail:
	device_close(&e->dev);
	free(e);
	return r;
}

void devices_remove(struct devices *d, struct device *dev)
{
	struct entry **p = &d->list, *e;

	while (*p && &(*p)->dev != dev)
		p = &(*p)->next;
	e = *p;
	if (!e)
		return;
	*p = e->next;
	ports_release(&d->ports, e);
	device_close(&e->dev);
	free(e);
}

struct device *devices_find(struct devices *d, const char *id)
{
	for (struct entry *e = d->list; e; e = e->next)
		if (strcmp(e->dev.id, id) == 0)
			return &e->dev;
	return NULL;
}
