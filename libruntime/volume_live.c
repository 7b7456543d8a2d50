/* SPDX-License-Identifier: Apache-2.0 */
/* Direct volumes of a container that runs, which the monitor knows by their destinations: see live.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/volume_plan.h"
#include "libruntime/live.h"
#include "libruntime/monitor_client.h"
#include "libruntime/plug.h"
#include "libruntime/store.h"
#include "libruntime/vm_config.h"
#include "libruntime/volume.h"
#include "libruntime/volume_place.h"
#include "libruntime/volume_use.h"
#include "wire/vm_setup.h"

#define GUEST_MS 65000 /* it waits for the disk, and mounts it; or writes back what it has of it */

/* ---- the record ---- */

static struct state_volume *find(const struct state *s, const char *destination)
{
	for (size_t i = 0; i < s->n_added; i++)
		if (strcmp(s->added[i].destination, destination) == 0)
			return &s->added[i];
	return NULL;
}

static void forget(struct state *s, size_t i)
{
	state_volume_done(&s->added[i]);
	live_forget(s->added, &s->n_added, sizeof(*s->added), i);
}

/* Takes what is in v. */
static int note(struct container *c, struct state_volume *v, struct err *err)
{
	struct state *s = &c->state;
	struct state_volume *list = reallocarray(s->added, s->n_added + 1, sizeof(*list));

	if (!list)
		return err_errno(err, ENOMEM, "state");
	s->added = list;
	list[s->n_added++] = *v;
	*v = (struct state_volume){};
	return state_save(c->dir, s, err);
}

static bool has_index(const struct state *s, uint32_t index)
{
	for (size_t i = 0; i < s->n_added; i++)
		if (s->added[i].index == index)
			return true;
	return false;
}

/* ---- who uses it ---- */

/* name: of the device, once it is plugged in; else NULL. */
static int claim(const struct container *c, const char *base, const struct volume_item *item,
		 const struct state_volume *v, const char *name, struct err *err)
{
	_close_ int all = volumes_open(base, false, err);
	char root[PATH_MAX];
	const struct volume_use use = { .id = c->state.id,
					.root = root,
					.name = (char *)name,
					.index = v->index,
					.readonly = v->readonly };
	int r;

	if (all == -ENOENT)
		return err_set(err, ENOENT, "volumes '%s' were removed meanwhile", base);
	r = all < 0 ? all : store_path(c->root_fd, root, err);
	if (r < 0)
		return r;
	r = volume_use_claim(all, v->source, &item->info, &use, err);
	return r < 0 ? err_wrap(err, "volume '%s'", v->source) : 0;
}

static void disclaim(const struct container *c, const struct state_volume *v)
{
	char *const dir[] = { v->dir, NULL };
	char root[PATH_MAX];

	if (store_path(c->root_fd, root, NULL) >= 0)
		volume_use_drop(dir, c->state.id, root);
}

/* ---- taking one out ---- */

/* The monitor's name for its hardware: that of no device, which is a path. Owned by the caller. */
static char *tag_of(const char *destination)
{
	return str_printf("volume %s", destination);
}

static struct live_exit exit_of(const struct state_volume *v, const char *tag, bool force)
{
	return (struct live_exit){ .method = "volume.remove",
				   .params = json_pack("{s:I, s:b}", "index", (json_int_t)v->index,
						       "force", (int)force),
				   .timeout_ms = GUEST_MS,
				   .tag = tag };
}

static bool gone(struct container *c, size_t i)
{
	const struct state_volume *v = &c->state.added[i];
	_free_ char *tag = v->ready ? NULL : tag_of(v->destination);
	struct err err = {};

	if (v->ready || !tag)
		return false;
	if (live_take_out(c, exit_of(v, tag, true), &err) < 0) {
		log_warn("volume at %s: %s", v->destination, err.msg);
		return false;
	}
	disclaim(c, v);
	forget(&c->state, i);
	return true;
}

static void settle(struct container *c)
{
	live_settle(c, c->state.n_added, gone);
}

/* ---- adding one ---- */

struct addition {
	char *base; /* the directory of all volumes */
	struct oci_mount mount; /* as config.json would have it; owns its options */
	struct volume_item item;
	uint32_t reconnect; /* as of struct vm_device */
	struct state_volume v;
};

static void addition_done(struct addition *a)
{
	free(a->base);
	strv_free(a->mount.options);
	volume_item_done(&a->item);
	state_volume_done(&a->v);
}

/* Whether config.json has a mount there, however it spells that. */
static bool was_mounted(const json_t *given, const char *destination)
{
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)given, i, v) {
		const char *text = js_get_str(v, "destination");
		_free_ char *absolute = text ? path_join("/", text) : NULL;
		_free_ char *clean = absolute ? path_clean(absolute) : NULL;

		if (clean && strcmp(clean, destination) == 0)
			return true;
	}
	return false;
}

/* Neither place nor volume is the container's yet; *ret_index is a free number. */
static int check_free(const struct container *c, const char *destination, const char *dir,
		      uint32_t *ret_index, struct err *err)
{
	const struct state *s = &c->state;
	_json_ json_t *given = NULL;
	uint32_t index;
	int r = live_given(c->dir, NULL, "mounts", &given, err);

	if (r < 0)
		return r;
	if (find(s, destination) || was_mounted(given, destination))
		return err_set(err, EEXIST, "the container has a mount at %s already", destination);
	for (char **v = s->volumes; v && *v; v++)
		if (strcmp(*v, dir) == 0)
			return err_set(err, EEXIST, "the container has the volume already");
	for (size_t i = 0; i < s->n_added; i++)
		if (strcmp(s->added[i].dir, dir) == 0)
			return err_set(err, EEXIST, "the container has the volume already, at %s",
				       s->added[i].destination);
	for (index = (uint32_t)json_array_size(given); has_index(s, index); index++)
		;
	*ret_index = index;
	return 0;
}

/* What it becomes. */
static int plan(const struct rt *rt, struct addition *a, struct err *err)
{
	_cleanup_(vm_config_done) struct vm_config vm = {};
	int r = vm_config_devices(rt, &vm, err);

	if (r < 0)
		return r;
	if (strcmp(vm.setup.hypervisor, "fake") == 0)
		return err_set(err, ENOTSUP, "the fake hypervisor has no devices and no volumes");
	a->reconnect = vm.reconnect;
	r = volume_item_plan(&a->mount, a->base, &vm.devices, &a->item, err);
	if (r >= 0 && a->item.info.type == VOLUME_VFIO)
		r = err_set(
			err, ENOTSUP,
			"volume '%s': a container that runs gets no PCI devices of the host, which a %s is",
			a->mount.source, a->item.info.type_name);
	return r;
}

static int describe(struct container *c, struct addition *a, struct err *err)
{
	_free_ char *name = NULL;
	uint32_t index = 0;
	int r = volume_name(a->mount.source, &name, err);

	if (r < 0)
		return r;
	a->v.dir = path_join(a->base, name);
	a->v.destination = strdup(a->mount.destination);
	a->v.source = strdup(a->mount.source);
	a->v.options = strv_copy(a->mount.options);
	a->v.fstype = strdup(a->item.info.fstype);
	a->v.kind = strdup(a->item.kind);
	a->v.readonly = a->item.readonly;
	if (!a->v.dir || !a->v.destination || !a->v.source || !a->v.options || !a->v.fstype ||
	    !a->v.kind)
		return err_errno(err, ENOMEM, "volume");
	r = check_free(c, a->v.destination, a->v.dir, &index, err);
	if (r < 0)
		return r;
	a->v.index = index;
	a->item.index = index;
	return 0;
}

static json_t *guest_params(const struct addition *a, const char *port)
{
	json_t *o = volume_item_params(&a->item);

	if (o && (json_object_set_new(o, "port", json_string(port)) < 0 ||
		  json_object_set_new(o, "destination", json_string(a->mount.destination)) < 0 ||
		  json_object_set_new(o, "mount_options", js_new_strv(a->mount.options)) < 0)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* Record of its use and lock, hardware, mount. */
static int bring_in(struct container *c, struct addition *a, struct err *err)
{
	const struct state_volume *v = find(&c->state, a->mount.destination);
	const struct vm_device device = { .kind = v->kind,
					  .readonly = v->readonly,
					  .queues = a->item.info.queues,
					  .queue_size = a->item.info.queue_size,
					  .socket = a->item.info.device,
					  .reconnect = a->reconnect };
	_free_ char *tag = tag_of(v->destination);
	struct plugged p;
	json_t *params;
	int r;

	if (!tag)
		return err_errno(err, ENOMEM, "volume");
	r = claim(c, a->base, &a->item, v, NULL, err);
	if (r < 0)
		return r;
	r = volume_item_open(&a->item, err);
	if (r >= 0)
		r = plug_tagged(c->dir, c->state.id, tag, &device, a->item.fd, MONITOR_REQUEST_MS,
				&p, err);
	if (r < 0)
		return err_wrap(err, "volume '%s'", v->source);
	r = claim(c, a->base, &a->item, v, p.device, err);
	params = r < 0 ? NULL : guest_params(a, p.port);
	if (r >= 0)
		r = params ? container_request(c, "volume.add", params, GUEST_MS, NULL, err) :
			     err_errno(err, ENOMEM, "volume");
	return r;
}

static int add(struct container *c, struct addition *a, struct err *err)
{
	int r = note(c, &a->v, err);

	if (r >= 0)
		r = bring_in(c, a, err);
	if (r >= 0)
		r = live_ready(c, &find(&c->state, a->mount.destination)->ready, err);
	/* Who waits for the image must notice that it is free again. */
	volume_item_done(&a->item);
	a->item = (struct volume_item){ .fd = -EBADF };
	if (r < 0)
		settle(c);
	return r;
}

int rt_volume_attach(const struct rt *rt, const char *id, const char *source,
		     const char *destination, const char *options, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_cleanup_(addition_done) struct addition a = { .item = { .fd = -EBADF } };
	int r;

	if (!source || !*source)
		return err_set(err, EINVAL, "source: a volume is required");
	r = volume_place_check(destination, err);
	if (r >= 0)
		r = volume_place_options(options, &a.mount.options, err);
	if (r >= 0)
		r = live_open(rt, id, &c, err);
	if (r < 0)
		return r;
	settle(&c);
	a.mount.source = (char *)source;
	a.mount.destination = (char *)destination;
	r = vm_config_volumes(rt, &a.base, err);
	if (r >= 0)
		r = plan(rt, &a, err);
	if (r >= 0)
		r = describe(&c, &a, err);
	if (r >= 0)
		r = add(&c, &a, err);
	return r;
}

/* ---- removing one ---- */

static int unknown(const struct container *c, const char *destination, struct err *err)
{
	_json_ json_t *given = NULL;
	int r = live_given(c->dir, NULL, "mounts", &given, err);

	if (r < 0)
		return r;
	if (was_mounted(given, destination))
		return err_set(err, ENOTSUP,
			       "the mount at %s was given to the container at its creation and stays",
			       destination);
	return err_set(err, ENOENT, "the container has no volume at %s", destination);
}

int rt_volume_detach(const struct rt *rt, const char *id, const char *destination, bool force,
		     struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_free_ char *tag = NULL;
	struct state_volume *v;
	int r;

	if (!destination)
		return err_set(err, EINVAL, "destination: a path is required");
	r = live_open(rt, id, &c, err);
	if (r < 0)
		return r;
	settle(&c);
	v = find(&c.state, destination);
	if (!v)
		return unknown(&c, destination, err);
	tag = tag_of(destination);
	if (!tag)
		return err_errno(err, ENOMEM, "volume");
	r = live_remove(&c, &v->ready, exit_of(v, tag, force), err);
	if (r < 0)
		return r;
	disclaim(&c, v);
	forget(&c.state, (size_t)(v - c.state.added));
	return state_save(c.dir, &c.state, err);
}
