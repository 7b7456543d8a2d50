/* SPDX-License-Identifier: Apache-2.0 */
/* Direct volumes that come and go while a container runs: volume.add, volume.remove. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/container.h"
#include "agent/mount.h"
#include "agent/mount_child.h"
#include "agent/server.h"
#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"

static bool has_init(const struct container *c)
{
	return c->init && c->init->state != PROCESS_EXITED;
}

static int check_can_add(const struct container *c, struct err *err)
{
	if (c->state == CONTAINER_CREATING || c->state == CONTAINER_STOPPED || c->deleting ||
	    !has_init(c))
		return err_set(err, ESRCH, "container not running");
	/* Mounts from outside are not locked there: its root could take off the options that they came with. */
	if (c->namespaces & CLONE_NEWUSER)
		return err_set(err, ENOTSUP,
			       "a container with a user namespace gets no volumes while it runs");
	return 0;
}

static struct volume *find(const struct container *c, int64_t index)
{
	for (struct volume *v = c->volumes; v; v = v->next)
		if ((int64_t)v->index == index)
			return v;
	return NULL;
}

/* ---- in the container ---- */

/* Its mount as if it had been in config.mounts. */
struct one_mount {
	struct oci_mount mount;
	json_t *map;
	struct mount_plan plan;
};

static void one_mount_done(struct one_mount *m)
{
	mount_plan_done(&m->plan);
	json_decref(m->map);
	strv_free(m->mount.options);
}

static int plan_mount(const json_t *params, const char *disk, struct one_mount *ret, struct err *err)
{
	static char type[] = "directvol";
	const char *destination = server_str(params, "destination", err);
	json_t *option, *list = json_object_get(params, "mount_options");
	const struct oci_config config = { .mounts = &ret->mount, .n_mounts = 1 };
	size_t i;

	if (!destination)
		return -EINVAL;
	if (destination[0] != '/')
		return err_set(err, EINVAL, "destination: an absolute path is required");
	json_array_foreach(list, i, option)
		if (!json_is_string(option) ||
		    strv_add(&ret->mount.options, json_string_value(option)) < 0)
			return err_set(err, EINVAL, "mount_options: strings are required");
	ret->mount.type = type;
	ret->mount.source = (char *)disk;
	ret->mount.destination = (char *)destination;
	ret->map = json_pack("[{s:i, s:s}]", "index", 0, "volume", disk);
	return ret->map ? mount_plan_build(&config, ret->map, &ret->plan, err) :
			  err_errno(err, ENOMEM, "volume");
}

static int place(const struct container *c, const struct volume *v, const json_t *params,
		 struct err *err)
{
	_cleanup_(one_mount_done) struct one_mount m = { 0 };
	_close_ int mnt = -EBADF;
	int r = plan_mount(params, v->disk, &m, err);

	if (r < 0)
		return r;
	mnt = mount_clone(v->fd, false);
	r = mnt < 0 ? mnt : mount_set_flags(mnt, &m.plan.ops[0].flags, false);
	return r < 0 ? err_errno(err, -r, "mount of volume %s", v->disk) :
		       mount_child_place(c->init->pidfd, &m.plan.ops[0], mnt, err);
}

/* 1: it was there. */
static int take(const struct container *c, const struct volume *v, bool detach, struct err *err)
{
	const char *destination = js_get_str(v->request, "destination");
	struct stat st;

	/* Mounts go with the last process. */
	if (!has_init(c) || v->fd < 0 || !destination || fstat(v->fd, &st) < 0)
		return 0;
	return mount_child_take(c->init->pidfd, destination, st.st_dev, detach, c->agent->proc_fd,
				err);
}

/* ---- volume.add ---- */

CONTAINER_REQUEST(container_add_volume)
{
	struct container *c = container_param(a, params, err);
	struct volume *v;
	int r;

	(void)asked;
	if (!c)
		return -ENOENT;
	r = check_can_add(c, err);
	if (r >= 0 && find(c, js_get_int(params, "index", -1)))
		r = err_set(err, EEXIST, "index: there is such a volume already");
	if (r >= 0)
		r = volume_attach(params, &v, err);
	if (r < 0)
		return r;
	v->request = json_deep_copy(params);
	r = v->request ? place(c, v, params, err) : err_errno(err, ENOMEM, "volume");
	if (r < 0) {
		volumes_free(v);
		return r;
	}
	v->next = c->volumes;
	c->volumes = v;
	*ret_result = json_object();
	return 0;
}

/* ---- volume.remove ---- */

/* What is in use is as it was afterwards. */
static int leave(const struct container *c, struct volume *v, struct err *err)
{
	struct err why = {};
	int r, taken = take(c, v, false, err);

	if (taken < 0)
		return taken;
	r = volume_leave(v, err);
	if (r < 0 && taken > 0 && v->fd >= 0 && place(c, v, v->request, &why) < 0)
		log_warn("volume %s: %s", v->disk, why.msg);
	return r;
}

/* Whoever uses it. An xfs that is shut down says nothing more about its root directory, so that comes last. */
static void pull(const struct container *c, struct volume *v)
{
	struct err why = {};

	if (take(c, v, true, &why) < 0)
		log_warn("volume %s: %s", v->disk, why.msg);
	volume_shut(v);
}

CONTAINER_REQUEST(container_remove_volume)
{
	struct container *c = container_param(a, params, err);
	struct volume *v = c ? find(c, js_get_int(params, "index", -1)) : NULL;
	bool force = js_get_bool(params, "force", false);
	int r;

	(void)asked;
	(void)ret_result;
	if (!c)
		return -ENOENT;
	if (!v || !v->request)
		return err_set(err, ENOENT, "there is no such volume");
	r = leave(c, v, force ? NULL : err);
	if (r < 0 && !force)
		return r;
	if (r < 0)
		pull(c, v);
	for (struct volume **p = &c->volumes; *p; p = &(*p)->next)
		if (*p == v) {
			*p = v->next;
			break;
		}
	v->next = NULL;
	volumes_free(v);
	return 0;
}
