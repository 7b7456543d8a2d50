/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of config.json's mounts are direct volumes, and what each becomes: a disk of the VM, whose file system the guest mounts,
 * or, with a destination below /dev, a disk and nothing more. Planning looks at the volumes' directory and at the devices' types;
 * opening takes hold of the devices, and of a lock on each: one virtual machine writes to it, or several read it.
 */
#ifndef MOAT_DEVICES_VOLUME_PLAN_H
#define MOAT_DEVICES_VOLUME_PLAN_H

#include "devices/plan.h"
#include "devices/volume.h"
#include "oci/config.h"

struct volume_item {
	size_t index; /* of config.mounts */
	struct volume_info info;
	const char *kind; /* VM_DEVICE_FILE, VM_DEVICE_BLOCK, VM_DEVICE_VHOST_BLK, VM_DEVICE_VFIO */
	struct vfio_group vfio; /* of the last: one function */
	bool readonly; /* the device; a mount that is, is enough */
	bool node; /* a node at the destination instead of a file system */
	int fd; /* open device or connected socket, from volume_plan_open() on; -EBADF, always for VFIO */
};

struct volume_plan {
	struct volume_item *v;
	size_t n;
};

/* base: the volumes' directory. Errors name mounts[i], the volume and the member. */
int volume_plan(const struct oci_config *c, const char *base, const struct dev_options *o,
		struct volume_plan *ret, struct err *err);
void volume_plan_done(struct volume_plan *p);
int volume_plan_open(struct volume_plan *p, const struct oci_config *c, struct err *err);
/* The same for one, by a mount that is in no config.json; its source has to be registered. */
int volume_item_plan(const struct oci_mount *m, const char *base, const struct dev_options *o,
		     struct volume_item *ret, struct err *err);
int volume_item_open(struct volume_item *v, struct err *err);
void volume_item_done(struct volume_item *v);
/* What the guest is told about one, without its place: see container.create in wire/PROTOCOL.md. */
json_t *volume_item_params(const struct volume_item *v);
/* How many are VFIO's; *large becomes true if one needs more room than a guest that has booted gives it. */
size_t volume_plan_vfio(const struct volume_plan *p, bool *large);
/* Whether config.mounts[index] is one. */
bool volume_plan_has(const struct volume_plan *p, size_t index);
/* [{"index", "path", "destination", "kind", "source", "fstype", "readonly"}], for --dry-run. */
json_t *volume_plan_describe(const struct volume_plan *p, const struct oci_config *c);

#endif
