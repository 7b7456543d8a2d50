/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a container that runs, which the monitor knows by their paths in the container: see live.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/plan.h"
#include "libruntime/live.h"
#include "libruntime/monitor_client.h"
#include "libruntime/plug.h"
#include "libruntime/vm_config.h"
#include "oci/config.h"
#include "wire/vm_setup.h"

#define GUEST_MS 30000 /* it waits for the disk */

/* ---- the record ---- */

static struct state_device *find(const struct state *s, const char *path)
{
	for (size_t i = 0; i < s->n_devices; i++)
		if (strcmp(s->devices[i].path, path) == 0)
			return &s->devices[i];
	return NULL;
}

static void forget(struct state *s, size_t i)
{
	state_device_done(&s->devices[i]);
	live_forget(s->devices, &s->n_devices, sizeof(*s->devices), i);
}

/* Takes what is in d. */
static int note(struct container *c, struct state_device *d, struct err *err)
{
	struct state *s = &c->state;
	struct state_device *v = reallocarray(s->devices, s->n_devices + 1, sizeof(*v));

	if (!v)
		return err_errno(err, ENOMEM, "state");
	s->devices = v;
	v[s->n_devices++] = *d;
	*d = (struct state_device){};
	return state_save(c->dir, s, err);
}

/* ---- taking one out ---- */

static struct live_exit exit_of(const char *path, bool force)
{
	return (struct live_exit){ .method = "device.remove",
				   .params = json_pack("{s:s, s:b}", "path", path, "force",
						       (int)force),
				   .timeout_ms = MONITOR_REQUEST_MS,
				   .tag = path };
}

static bool gone(struct container *c, size_t i)
{
	const struct state_device *d = &c->state.devices[i];
	struct err err = {};

	if (d->ready)
		return false;
	if (live_take_out(c, exit_of(d->path, true), &err) < 0) {
		log_warn("device %s: %s", d->path, err.msg);
		return false;
	}
	forget(&c->state, i);
	return true;
}

static void settle(struct container *c)
{
	live_settle(c, c->state.n_devices, gone);
}

/* ---- adding one ---- */

struct addition {
	struct oci_device device; /* as linux.devices would have it, borrows */
	json_t *resources; /* with a rule for it */
	struct dev_item item;
	uint32_t reconnect; /* as of struct vm_device */
	struct state_device d;
};

static void addition_done(struct addition *a)
{
	dev_item_done(&a->item);
	json_decref(a->resources);
	state_device_done(&a->d);
}

static int check_path(const struct container *c, const char *path, struct err *err)
{
	_free_ char *clean = path ? path_clean(path) : NULL;
	_json_ json_t *given = NULL;
	int r;

	if (!clean || path[0] != '/' || !path[1] || strcmp(clean, path) != 0 ||
	    strlen(path) >= PATH_MAX)
		return err_set(err, EINVAL, "'%s' is no absolute path for a device",
			       path ? path : "");
	r = live_given(c->dir, "linux", "devices", &given, err);
	if (r < 0)
		return r;
	if (find(&c->state, path) || js_find(given, "path", path))
		return err_set(err, EEXIST, "the container has a device %s already", path);
	return 0;
}

static int check_access(const char *access, struct err *err)
{
	return access && (!*access || access[strspn(access, "rwm")]) ?
		       err_set(err, EINVAL, "access \"%s\" is none of r, w, m", access) :
		       0;
}

static int take_number(const json_t *node, const char *key, uint32_t most, uint32_t *ret,
		       struct err *err)
{
	const json_t *v = json_object_get(node, key);
	uint64_t n;

	if (!v)
		return 0;
	if (js_u64(v, &n) < 0 || n > most)
		return err_set(err, EINVAL, "%s: a number from 0 to %u is required", key, most);
	*ret = (uint32_t)n;
	return 0;
}

/* Mode and owner of the node. */
static int describe_node(struct addition *a, const json_t *node, const struct stat *st,
			 struct err *err)
{
	static const char *const keys[] = { "fileMode", "uid", "gid" };
	const char *key;
	json_t *v;
	int r;

	if (node && !json_is_object(node))
		return err_set(err, EINVAL, "node: an object is required");
	json_object_foreach((json_t *)node, key, v)
		if (strcmp(key, keys[0]) != 0 && strcmp(key, keys[1]) != 0 &&
		    strcmp(key, keys[2]) != 0)
			return err_set(err, EINVAL, "node: '%s' is none of fileMode, uid, gid", key);
	a->d.mode = st->st_mode & 07777;
	a->d.uid = st->st_uid;
	a->d.gid = st->st_gid;
	r = take_number(node, keys[0], 07777, &a->d.mode, err);
	if (r >= 0)
		r = take_number(node, keys[1], UINT32_MAX - 1, &a->d.uid, err);
	return r < 0 ? r : take_number(node, keys[2], UINT32_MAX - 1, &a->d.gid, err);
}

/* By the table that decides it for linux.devices, and by the same rule. */
static int plan_and_open(const struct rt_device *d, const struct stat *st,
			 const struct dev_options *options, struct addition *a, struct err *err)
{
	static char block[] = "b", character[] = "c";
	struct oci_linux l = { .devices = &a->device, .n_devices = 1 };
	const struct oci_config config = { .linux_ = &l };
	int r;

	a->device = (struct oci_device){ .type = S_ISBLK(st->st_mode) ? block : character,
					 .path = (char *)d->source,
					 .major = major(st->st_rdev),
					 .minor = minor(st->st_rdev) };
	a->resources = json_pack("{s:[{s:b, s:s, s:I, s:I, s:s}]}", "devices", "allow", 1, "type",
				 a->device.type, "major", (json_int_t)a->device.major, "minor",
				 (json_int_t)a->device.minor, "access",
				 d->access ? d->access : "rwm");
	if (!a->resources)
		return err_errno(err, ENOMEM, "device");
	l.resources = a->resources;
	r = dev_plan_one(&config, options, 0, &a->item, err);
	if (r < 0)
		return r;
	if (a->item.outcome == DEV_GUEST || a->item.outcome == DEV_VFIO)
		return err_set(err, ENOTSUP,
			       "'%s': only block devices can be added to a container that runs",
			       d->source);
	return dev_open_one(&a->item, &config, err);
}

/* What it becomes, and the descriptor that the VM gets. */
static int open_source(const struct rt *rt, const struct rt_device *d, struct addition *a,
		       struct err *err)
{
	_cleanup_(vm_config_done) struct vm_config vm = {};
	struct stat st;
	int r;

	if (stat(d->source, &st) < 0)
		return err_errno(err, errno, "device '%s'", d->source);
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(err, ENODEV, "'%s' is no device", d->source);
	r = describe_node(a, d->node, &st, err);
	if (r >= 0)
		r = vm_config_devices(rt, &vm, err);
	if (r < 0)
		return r;
	if (strcmp(vm.setup.hypervisor, "fake") == 0)
		return err_set(err, ENOTSUP, "the fake hypervisor has no devices and no volumes");
	a->reconnect = vm.reconnect;
	return plan_and_open(d, &st, &vm.devices, a, err);
}

/* The hardware, then the node. */
static int bring_in(struct container *c, const struct addition *a, const char *path, struct err *err)
{
	const struct state_device *d = find(&c->state, path);
	const struct vm_device v = { .kind = d->kind,
				     .readonly = d->readonly,
				     .socket = a->item.outcome == DEV_BLOCK ? NULL : d->source,
				     .reconnect = a->reconnect };
	struct plugged p;
	int r = plug_tagged(c->dir, c->state.id, path, &v, a->item.fd, MONITOR_REQUEST_MS, &p, err);

	if (r < 0)
		return r;
	return container_request(c, "device.add",
				 json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "path", path, "port",
					   p.port, "readonly", (int)d->readonly, "fileMode",
					   (json_int_t)d->mode, "uid", (json_int_t)d->uid, "gid",
					   (json_int_t)d->gid),
				 GUEST_MS, NULL, err);
}

static int add(struct container *c, struct addition *a, const char *path, struct err *err)
{
	int r;

	a->d.path = strdup(path);
	a->d.source = strdup(a->item.source);
	a->d.kind = strdup(dev_outcome_kind(a->item.outcome));
	a->d.readonly = a->item.readonly;
	if (!a->d.path || !a->d.source || !a->d.kind)
		return err_errno(err, ENOMEM, "device");
	r = note(c, &a->d, err);
	if (r >= 0)
		r = bring_in(c, a, path, err);
	if (r >= 0)
		r = live_ready(c, &find(&c->state, path)->ready, err);
	/* The target of a vhost-user device, or who waits for the disk, must notice that it is free again. */
	dev_item_done(&a->item);
	a->item = (struct dev_item){ .fd = -EBADF };
	if (r < 0)
		settle(c);
	return r;
}

int rt_device_add(const struct rt *rt, const char *id, const struct rt_device *d, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_cleanup_(addition_done) struct addition a = { .item = { .fd = -EBADF } };
	const char *path = d->path ? d->path : d->source;
	int r;

	if (!d->source || !*d->source)
		return err_set(err, EINVAL, "device: no source");
	r = live_open(rt, id, &c, err);
	if (r < 0)
		return r;
	settle(&c);
	r = check_access(d->access, err);
	if (r >= 0)
		r = check_path(&c, path, err);
	if (r >= 0)
		r = open_source(rt, d, &a, err);
	if (r >= 0)
		r = add(&c, &a, path, err);
	return r;
}

/* ---- removing one ---- */

static int unknown(const struct container *c, const char *path, struct err *err)
{
	_json_ json_t *given = NULL;
	int r = live_given(c->dir, "linux", "devices", &given, err);

	if (r < 0)
		return r;
	if (js_find(given, "path", path))
		return err_set(err, ENOTSUP,
			       "device %s was given to the container at its creation and stays",
			       path);
	return err_set(err, ENOENT, "the container has no device %s", path);
}

int rt_device_remove(const struct rt *rt, const char *id, const char *path, bool force,
		     struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	struct state_device *d;
	int r;

	if (!path)
		return err_set(err, EINVAL, "device: no path");
	r = live_open(rt, id, &c, err);
	if (r < 0)
		return r;
	settle(&c);
	d = find(&c.state, path);
	if (!d)
		return unknown(&c, path, err);
	r = live_remove(&c, &d->ready, exit_of(path, force), err);
	if (r < 0)
		return r;
	forget(&c.state, (size_t)(d - c.state.devices));
	return state_save(c.dir, &c.state, err);
}

/* ---- the list ---- */

static int list_plugged(const struct state *s, json_t *list, struct err *err)
{
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct state_device *d = &s->devices[i];
		json_t *o;

		if (!d->ready)
			continue;
		o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:b}", "path", d->path,
			      "type", "b", "kind", d->kind, "source", d->source, "readonly",
			      (int)d->readonly, "fileMode", (json_int_t)d->mode, "uid",
			      (json_int_t)d->uid, "gid", (json_int_t)d->gid, "plugged", 1);
		if (json_array_append_new(list, o) < 0)
			return err_errno(err, ENOMEM, "devices");
	}
	return 0;
}

int rt_device_list(const struct rt *rt, const char *id, json_t **ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_json_ json_t *list = json_array(), *given = NULL;
	json_t *v;
	size_t i;
	int r;

	r = container_open(rt, id, false, &c, err);
	if (r >= 0)
		r = live_given(c.dir, "linux", "devices", &given, err);
	if (r < 0)
		return r;
	json_array_foreach(given, i, v) {
		json_t *o = json_deep_copy(v);

		if (!list || !o || json_object_set_new(o, "plugged", json_false()) < 0 ||
		    json_array_append_new(list, o) < 0)
			return err_errno(err, ENOMEM, "devices");
	}
	r = list_plugged(&c.state, list, err);
	if (r >= 0)
		*ret = json_incref(list);
	return r;
}
