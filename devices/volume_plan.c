/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/volume_plan.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/mount_options.h"
#include "wire/vm_setup.h"

#define PCI_CLASS_STORAGE 0x01 /* the first of three bytes */

/* Mount types that can be nothing else. What the volume really is, mountInfo.json says. */
static bool is_volume_type(const char *type)
{
	static const char *const names[] = { "directvol", "spdkvol", "spoolvol", "vfiovol" };

	for (size_t i = 0; type && i < ARRAY_SIZE(names); i++)
		if (!strcmp(type, names[i]))
			return true;
	return false;
}

/* ---- what each kind of volume becomes ---- */

static int plan_block(struct volume_item *v, const struct stat *st, struct err *err)
{
	if (S_ISREG(st->st_mode))
		v->kind = VM_DEVICE_FILE;
	else if (S_ISBLK(st->st_mode))
		v->kind = VM_DEVICE_BLOCK;
	else
		return err_set(err, ENOTBLK, "device '%s' is neither a file nor a block device",
			       v->info.device);
	return 0;
}

static int plan_socket(struct volume_item *v, const struct stat *st, struct err *err)
{
	if (!S_ISSOCK(st->st_mode))
		return err_set(err, ENOTSOCK, "device '%s' is not a socket", v->info.device);
	v->kind = VM_DEVICE_VHOST_BLK;
	return 0;
}

/* One function, so that it is clear which disk is meant. */
static int plan_vfio(struct volume_item *v, const struct dev_options *o, struct err *err)
{
	int r = vfio_find(o->root, v->info.device, &v->vfio, err);

	v->kind = VM_DEVICE_VFIO;
	if (r < 0)
		return err_wrap(err, "device '%s'", v->info.device);
	if (v->vfio.n != 1)
		return err_set(
			err, EINVAL,
			"device '%s' is %zu PCI devices, and a volume is one: name it by its address, such as %s",
			v->info.device, v->vfio.n, v->vfio.v[0].address);
	if (v->vfio.v[0].class >> 16 != PCI_CLASS_STORAGE)
		return err_set(err, ENOTBLK, "device '%s' is no disk: its PCI class is %06x",
			       v->info.device, v->vfio.v[0].class);
	return 0;
}

static int plan_device(struct volume_item *v, const struct dev_options *o, struct err *err)
{
	struct stat st;

	if (v->info.type == VOLUME_VFIO)
		return plan_vfio(v, o, err);
	if (stat(v->info.device, &st) < 0)
		return err_errno(err, errno, "device '%s'%s", v->info.device,
				 v->info.type == VOLUME_VHOST_USER ? " (does its target run?)" : "");
	return v->info.type == VOLUME_BLOCK ? plan_block(v, &st, err) : plan_socket(v, &st, err);
}

/* Read-only by mountInfo.json or by the mount. */
static int plan_mode(struct volume_item *v, const struct oci_mount *m, struct err *err)
{
	struct oci_mount_flags flags = { 0 };
	int r = oci_mount_flags_parse(m->options, &flags, err);

	if (r < 0)
		return r;
	v->readonly = v->info.readonly || flags.set & MS_RDONLY ||
		      flags.rec_attr_set & MOUNT_ATTR_RDONLY;
	if (flags.idmap)
		r = err_set(err, ENOSYS, "option \"idmap\" is not supported");
	oci_mount_flags_done(&flags);
	return r;
}

/* Of a volume whose info is known. */
static int plan_one(struct volume_item *v, const struct oci_mount *m, const struct dev_options *o,
		    struct err *err)
{
	int r = plan_device(v, o, err);

	if (r >= 0)
		r = plan_mode(v, m, err);
	if (r < 0)
		return r;
	v->node = str_has_prefix(m->destination, "/dev/");
	if (!v->node && !*v->info.fstype)
		return err_set(err, EINVAL,
			       "%s has no fstype, and only a destination below /dev does without",
			       VOLUME_INFO_FILE);
	return 0;
}

/* ---- the plan ---- */

/* Whether there is something by its name, to be believed or not: an ordinary bind mount does not depend on who owns that directory. */
static bool is_there(const char *base, const char *path)
{
	_free_ char *name = NULL, *dir = NULL;
	struct stat st;

	if (volume_name(path, &name, NULL) < 0)
		return false;
	dir = path_join(base, name);
	return dir && lstat(dir, &st) == 0;
}

/* The volume that a mount names. -ENOENT without a message: it is an ordinary mount. */
static int find(const struct oci_mount *m, const char *base, struct volume_info *ret,
		struct err *err)
{
	bool sure = is_volume_type(m->type);
	int r;

	if (!sure && (!oci_mount_is_bind(m) || !m->source || !is_there(base, m->source)))
		return -ENOENT;
	if (!m->source || !*m->source)
		return err_set(err, EINVAL, "source is required for a %s mount", m->type);
	r = volume_load(base, m->source, ret, NULL, err);
	if (r == -ENOENT && sure)
		return err_set(err, ENODEV, "'%s' is not registered as a volume (moat volume add)",
			       m->source);
	return r;
}

int volume_item_plan(const struct oci_mount *m, const char *base, const struct dev_options *o,
		     struct volume_item *ret, struct err *err)
{
	struct volume_item v = { .fd = -EBADF };
	int r = volume_load(base, m->source, &v.info, NULL, err);

	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "source '%s' is not registered as a volume (moat volume add)",
			       m->source);
	if (r < 0)
		return r;
	r = plan_one(&v, m, o, err);
	if (r < 0) {
		volume_item_done(&v);
		return err_wrap(err, "volume '%s'", m->source);
	}
	*ret = v;
	return 0;
}

void volume_item_done(struct volume_item *v)
{
	volume_info_done(&v->info);
	vfio_group_done(&v->vfio);
	v->fd = fd_close(v->fd);
}

/* One device twice in a guest would be two file systems on it. */
static int check_twice(const struct volume_plan *p, const struct oci_config *c, size_t index,
		       struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(c->mounts[p->v[i].index].source, c->mounts[index].source))
			return err_set(err, EEXIST, "the volume is that of mounts[%zu]",
				       p->v[i].index);
	return 0;
}

int volume_plan(const struct oci_config *c, const char *base, const struct dev_options *o,
		struct volume_plan *ret, struct err *err)
{
	struct volume_plan p = { .v = calloc(c->n_mounts + 1, sizeof(*p.v)) };
	int r = 0;

	if (!p.v)
		return err_errno(err, ENOMEM, "mounts");
	for (size_t i = 0; i < c->n_mounts && r >= 0; i++) {
		struct volume_item *v = &p.v[p.n];

		*v = (struct volume_item){ .index = i, .fd = -EBADF };
		r = find(&c->mounts[i], base, &v->info, err);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r >= 0) {
			r = check_twice(&p, c, i, err);
			p.n++;
		}
		if (r >= 0) {
			r = plan_one(v, &c->mounts[i], o, err);
			if (r < 0)
				err_wrap(err, "volume '%s'", c->mounts[i].source);
		}
		if (r < 0)
			err_wrap(err, "mounts[%zu] '%s'", i, c->mounts[i].destination);
	}
	if (r < 0) {
		volume_plan_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void volume_plan_done(struct volume_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		volume_item_done(&p->v[i]);
	free(p->v);
	*p = (struct volume_plan){ 0 };
}

size_t volume_plan_vfio(const struct volume_plan *p, bool *large)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->v[i].vfio.n; k++, n++)
			*large |= p->v[i].vfio.v[k].memory > VFIO_HOTPLUG_MEMORY;
	return n;
}

bool volume_plan_has(const struct volume_plan *p, size_t index)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].index == index)
			return true;
	return false;
}

json_t *volume_plan_describe(const struct volume_plan *p, const struct oci_config *c)
{
	json_t *arr = json_array();

	for (size_t i = 0; arr && i < p->n; i++) {
		const struct volume_item *v = &p->v[i];
		const struct oci_mount *m = &c->mounts[v->index];

		json_array_append_new(arr, json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:b}", "index",
						     (json_int_t)v->index, "path", m->source,
						     "destination", m->destination, "kind", v->kind,
						     "source", v->info.device, "fstype",
						     v->node ? "" : v->info.fstype, "readonly",
						     (int)v->readonly));
	}
	return arr;
}

json_t *volume_item_params(const struct volume_item *v)
{
	json_t *o = json_pack("{s:I, s:b, s:b, s:s, s:o}", "index", (json_int_t)v->index,
			      "readonly", (int)v->readonly, "node", (int)v->node, "fstype",
			      v->info.fstype, "options", js_new_strv(v->info.options));

	if (o && v->info.type == VOLUME_VFIO)
		json_object_set_new(o, "kind", json_string("pci"));
	if (o && v->info.fs_group) {
		json_object_set_new(o, "group", json_integer(v->info.fs_group));
		json_object_set_new(o, "group_on_mismatch",
				    json_boolean(v->info.fs_group_on_mismatch));
	}
	return o;
}
