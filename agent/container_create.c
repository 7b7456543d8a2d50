/* SPDX-License-Identifier: Apache-2.0 */
/* container.create */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cgroup.h"
#include "agent/child.h"
#include "agent/device_config.h"
#include "agent/container.h"
#include "agent/join.h"
#include "agent/memory.h"
#include "agent/mount.h"
#include "agent/network.h"
#include "agent/resources.h"
#include "agent/server.h"
#include "agent/userns.h"
#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/config.h"
#include "oci/names.h"

/* Those a container can have for itself in a guest. The network is the guest's: the VM is the boundary. */
#define OWN_NAMESPACES                                                                \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | \
	 CLONE_NEWTIME | CLONE_NEWUSER)
/* Made by the child: the first begins at the group that it is born into, the second is set before it is entered. */
#define LATE_NAMESPACES ((uint64_t)(CLONE_NEWCGROUP | CLONE_NEWTIME))

static uint64_t own_namespaces(const struct oci_config *c, const struct joins *joins)
{
	uint64_t flags = CLONE_NEWNS; /* always: the guest's mounts are nobody's */

	for (size_t i = 0; i < c->linux_->n_namespaces; i++) {
		const struct oci_namespace *n = &c->linux_->namespaces[i];

		/* A path names one of the host's: if no container here stands for it, a new one takes its place. */
		flags |= oci_namespace_flag(n->type) & OWN_NAMESPACES & ~joins->types;
	}
	return flags;
}

/* What comes before the container. */
struct creation {
	const char *id, *root, *root_volume;
	json_t *mounts;
	struct volume *volumes;
	struct joins joins;
	uint64_t own; /* CLONE_NEW* that are made for it */
	int netns; /* its own; -EBADF: none */
	json_t *state; /* for hooks; NULL: none */
	struct stream_params streams;
	struct oci_config *config;
	struct oci_seccomp_program seccomp; /* no code: none */
	struct mount_plan plan;
};

static void creation_done(struct creation *cr)
{
	mount_plan_done(&cr->plan);
	fd_close(cr->netns);
	volumes_free(cr->volumes);
	oci_seccomp_program_done(&cr->seccomp);
	oci_config_free(cr->config);
}

static int creation_parse(struct agent *a, const json_t *params, struct creation *cr,
			  struct err *err)
{
	json_t *config = json_object_get(params, "config");
	int r;

	cr->id = server_name(params, "id", false, err);
	if (!cr->id)
		return -EINVAL;
	cr->mounts = json_object_get(params, "mounts");
	if (!json_is_array(cr->mounts))
		return err_set(err, EINVAL, "mounts: an array is required");
	r = join_param(a, params, &cr->joins, err);
	if (r < 0)
		return r;
	cr->state = json_object_get(params, "state");
	if (cr->state && !json_is_object(cr->state))
		return err_set(err, EINVAL, "state: an object is required");
	r = container_stream_params(a, params, &cr->streams, err);
	if (r < 0)
		return r;
	if (!json_is_object(config))
		return err_set(err, EINVAL, "config: an object is required");
	if (container_find(a, cr->id))
		return err_set(err, EEXIST, "container with given ID already exists");
	r = device_config_apply(json_object_get(params, "devices"), config, err);
	if (r < 0)
		return r;
	r = volumes_attach(json_object_get(params, "volumes"), config, cr->mounts, &cr->volumes,
			   err);
	if (r < 0)
		return r;
	cr->root_volume = volumes_root(cr->volumes);
	cr->root = cr->root_volume ? "" : server_str(params, "root", err);
	if (!cr->root)
		return -EINVAL;
	if (!cr->root_volume && !a->share_dir)
		return err_set(err, ENXIO, "there is no share");
	if (js_get_bool(params, "own_network", false) && !(cr->joins.types & CLONE_NEWNET)) {
		r = network_new(a, &cr->netns, err);
		if (r < 0)
			return r;
		join_add(&cr->joins, cr->netns, CLONE_NEWNET);
	}
	r = network_configure(a, json_object_get(params, "network"), cr->netns, err);
	if (r < 0)
		return err_wrap(err, "network of the guest");
	/* What is not applied was said by the host already. */
	r = oci_config_from_json(config, NULL, NULL, &cr->config, err);
	if (r < 0)
		return r;
	if (!cr->config->process)
		return err_set(err, EINVAL, "config: process is required");
	cr->own = own_namespaces(cr->config, &cr->joins);
	r = container_seccomp_param(params, &cr->seccomp, err);
	if (r < 0)
		return r;
	r = mount_plan_build(cr->config, cr->mounts, &cr->plan, err);
	return r < 0 ? err_wrap(err,
				"unable to start container process: error during container init") :
		       0;
}

static int spawn_init(struct container *c, struct creation *cr, struct err *err)
{
	struct agent *a = c->agent;
	_free_ char *attach = path_join(a->state_dir, "root");
	_free_ char *memory = path_join(a->state_dir, MEMORY_DIR);
	_free_ char *cgroup = c->cgroup >= 0 ? path_join(a->cgroup_dir, c->cgroup_name) : NULL;
	struct rootfs rootfs = {
		.share_dir = a->share_dir,
		.attach_dir = attach,
		.memory_dir = c->memory ? memory : NULL,
		.volume_dir = VOLUME_DIR,
		.cgroup_path = cgroup,
		.root = cr->root,
		.root_volume = cr->root_volume,
		.cgroup_ns = c->namespaces & CLONE_NEWCGROUP,
		.plan = &cr->plan,
		.config = cr->config,
		.null = -EBADF,
	};
	struct child ch = {
		.process = cr->config->process,
		.seccomp = cr->seccomp.n ? &cr->seccomp : NULL,
		.namespaces = c->namespaces,
		.joins = &cr->joins,
		.rootfs = &rootfs,
		.state = cr->state,
		.linux32 = c->linux32,
		.passed = cr->streams.passed,
		.n_passed = cr->streams.n_passed,
		.init_pidfd = -EBADF,
	};

	if (!attach || !memory || (c->cgroup >= 0 && !cgroup))
		return err_errno(err, ENOMEM, "new container");
	return process_spawn(a, c, "", cr->streams.stream, &ch, child_init,
			     cr->own & ~LATE_NAMESPACES, c->cgroup, &c->init, err);
}

static int limit_devices(struct container *c, const struct oci_config *config, struct err *err)
{
	int r;

	c->resources = json_incref(config->linux_->resources);
	r = container_limit_devices(c, err);
	if (r != -ENOTSUP)
		return r;
	/* The VM is the boundary; this is one of the walls inside it. */
	log_warn("linux.resources.devices is not applied: %s", err->msg);
	return 0;
}

static int limit_resources(const struct container *c, const struct oci_config *config,
			   struct err *err)
{
	int r;

	if (c->cgroup < 0)
		return 0; /* tests only */
	r = resources_apply(c->cgroup, config->linux_->limits, "linux.resources", err);
	return r < 0 ? err_wrap(err, "unable to apply cgroup configuration") : 0;
}

static int keep_binds(struct container *c, const struct mount_plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->ops[i].share_path && strv_add(&c->binds, plan->ops[i].share_path) < 0)
			return err_errno(err, ENOMEM, "new container");
	return 0;
}

/* Kept for the pipes of later processes. */
static int keep_uid_map(struct container *c, const struct oci_linux *l, struct err *err)
{
	if (!(c->namespaces & CLONE_NEWUSER))
		return 0;
	c->uid_map = calloc(l->n_uid_mappings, sizeof(*c->uid_map));
	if (!c->uid_map)
		return err_errno(err, ENOMEM, "linux.uidMappings");
	c->n_uid_map = l->n_uid_mappings;
	memcpy(c->uid_map, l->uid_mappings, c->n_uid_map * sizeof(*c->uid_map));
	return c->cgroup >= 0 && c->namespaces & CLONE_NEWCGROUP ?
		       userns_own_cgroup(c->cgroup, l, err) :
		       0;
}

CONTAINER_REQUEST(container_create)
{
	_cleanup_(creation_done) struct creation cr = { .netns = -EBADF };
	const struct oci_personality *personality;
	struct container *c;
	int r = creation_parse(a, params, &cr, err);

	if (r < 0 || !cr.config)
		return r;
	c = container_new(a, cr.id);
	if (!c)
		return err_errno(err, ENOMEM, "new container");
	c->volumes = take_ptr(cr.volumes);
	c->namespaces = cr.own | cr.joins.types;
	c->netns = take_fd(cr.netns);
	personality = cr.config->linux_->personality;
	c->linux32 = personality && !strcmp(personality->domain, "LINUX32");
	r = container_make_cgroup(c, err);
	if (r >= 0)
		r = memory_use(c, cr.mounts, err);
	if (r >= 0)
		r = keep_uid_map(c, cr.config->linux_, err);
	if (r >= 0)
		r = limit_devices(c, cr.config, err);
	if (r >= 0)
		r = limit_resources(c, cr.config, err);
	if (r >= 0)
		r = keep_binds(c, &cr.plan, err);
	if (r >= 0)
		r = spawn_init(c, &cr, err);
	if (r < 0) {
		if (c->cgroup >= 0)
			cgroup_remove(a->cgroup_fd, c->cgroup_name);
		container_free(c);
		return r;
	}
	c->init->asked = *asked;
	return SERVER_LATER;
}
