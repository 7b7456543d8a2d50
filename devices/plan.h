/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the devices that config.json asks for: one table decides from type, numbers and path.
 * Planning looks only at the file system; opening takes the descriptors that the VM gets. Nothing is derived
 * from a number alone: a block device is opened by a node of it, and the node is checked by descriptor.
 */
#ifndef MOAT_DEVICES_PLAN_H
#define MOAT_DEVICES_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "devices/vfio.h"
#include "oci/config.h"

/* What the administrator has set, borrowed. */
struct dev_options {
	bool vhost_user_store; /* enable_vhost_user_store */
	const char *vhost_user_store_path;
	bool privileged_without_host_devices; /* see privileged.h */
	const char *root; /* "" on a host; tests: in front of /dev and /sys */
};

enum dev_outcome {
	DEV_GUEST, /* a node for a device of the guest with the same numbers */
	DEV_BLOCK, /* virtio-blk on a block device of the host */
	DEV_VHOST_BLK, /* vhost-user-blk on a socket of the store */
	DEV_VHOST_SCSI,
	DEV_VFIO, /* PCI devices of the host, one or more */
};

struct dev_item {
	size_t index; /* of linux.devices */
	enum dev_outcome outcome;
	char *source; /* the host's device node, or the socket; NULL for DEV_GUEST */
	bool readonly;
	struct vfio_group vfio; /* DEV_VFIO */
	int fd; /* open device or connected socket, from dev_plan_open() on; -EBADF, always for DEV_VFIO */
};

struct dev_plan {
	struct dev_item *v;
	size_t n;
};

/* Errors name linux.devices[i], what is wrong, and what to do about it. */
int dev_plan(const struct oci_config *c, const struct dev_options *o, struct dev_plan *ret,
	     struct err *err);
int dev_plan_open(struct dev_plan *p, const struct oci_config *c, struct err *err);
void dev_plan_done(struct dev_plan *p);
/* Puts what an entry is called before the message: linux.devices[index] or the mount that it was, and the path. Returns -err->code. */
int dev_wrap(const struct oci_config *c, size_t index, struct err *err);
/* The same for linux.devices[index] alone; errors name only what is wrong. */
int dev_plan_one(const struct oci_config *c, const struct dev_options *o, size_t index,
		 struct dev_item *item, struct err *err);
int dev_open_one(struct dev_item *item, const struct oci_config *c, struct err *err);
void dev_item_done(struct dev_item *item);
/* One that every guest has, or gets when its module is loaded, with the same numbers. */
bool dev_is_guest_node(const struct oci_device *d);
/* "guest", "block", "vhost-user-blk", "vhost-user-scsi", "vfio": the kinds of wire/vm_setup.h */
const char *dev_outcome_kind(enum dev_outcome o);
/* How many devices of the VM they are; VFIO groups have several. */
size_t dev_plan_hardware(const struct dev_plan *p);
/* How many of those are VFIO's, and whether one needs more room than a guest that has booted gives it (may be NULL). */
size_t dev_plan_vfio(const struct dev_plan *p, bool *ret_large);
/* [{"index", "path", "kind", "source", "readonly", "functions"}], for --dry-run and the log. */
json_t *dev_plan_describe(const struct dev_plan *p, const struct oci_config *c);

#define DEV_MAJOR_VHOST_BLK 241 /* as in Kata's guide to SPDK */
#define DEV_MAJOR_VHOST_SCSI 242

/*
 * The vhost-user store: the name of the node with these numbers below <store>/block/devices and the socket of
 * that name below <store>/block/sockets. *ret_socket is the caller's.
 */
int dev_store_find(const struct dev_options *o, int64_t major, int64_t minor, char **ret_socket,
		   struct err *err);

#endif
