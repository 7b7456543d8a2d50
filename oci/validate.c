/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/validate.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/names.h"
#include "oci/seccomp.h"
#include "oci/sysctl.h"
#include "oci/version.h"

#define NSEC_PER_SEC 1000000000u
#define UTS_LEN 64 /* __NEW_UTS_LEN of the kernel */

static int check_version(const struct oci_config *c, struct err *err)
{
	unsigned int major;

	if (oci_version_major(c->oci_version, &major) < 0)
		return err_set(err, EINVAL,
			       "ociVersion: \"%s\" is not a version of the form MAJOR.MINOR.PATCH",
			       c->oci_version);
	if (major != 1)
		return err_set(err, EINVAL, "ociVersion: version %s is not supported (only 1.x)",
			       c->oci_version);
	return 0;
}

static int check_process(const struct oci_config *c, struct err *err)
{
	return c->process ? oci_process_validate(c->process, "process", err) : 0;
}

/* A name that sethostname(2) or setdomainname(2) takes and that no file or log line can be broken with. */
static int check_uts_name(const struct oci_config *c, const char *key, const char *name,
			  struct err *err)
{
	if (!name || !*name)
		return 0;
	if (strlen(name) > UTS_LEN)
		return err_set(err, EINVAL, "%s is longer than %d bytes", key, UTS_LEN);
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '/')
			return err_set(err, EINVAL, "%s contains a slash or a control character",
				       key);
	if (!oci_namespace_find(c, "uts"))
		return err_set(err, EINVAL, "unable to set %s without a private UTS namespace", key);
	return 0;
}

static int check_names(const struct oci_config *c, struct err *err)
{
	int r = check_uts_name(c, "hostname", c->hostname, err);

	return r < 0 ? r : check_uts_name(c, "domainname", c->domainname, err);
}

static int check_ids(const struct oci_id_map *maps, size_t n, const char *path, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct oci_id_map *m = &maps[i];

		if (!m->size)
			return err_set(err, EINVAL, "%s[%zu].size must not be 0", path, i);
		if (m->size > UINT32_MAX - m->container_id || m->size > UINT32_MAX - m->host_id)
			return err_set(err, EINVAL, "%s[%zu] goes beyond the last id", path, i);
	}
	return 0;
}

static bool maps_root(const struct oci_id_map *maps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!maps[i].container_id)
			return true;
	return false;
}

static int check_user_namespace(const struct oci_config *c, struct err *err)
{
	const struct oci_linux *l = c->linux_;

	if (!oci_namespace_find(c, "user")) {
		if (l->n_uid_mappings || l->n_gid_mappings)
			return err_set(err, EINVAL,
				       "linux.%s: user namespace mappings specified, but USER "
				       "namespace isn't enabled in the config",
				       l->n_uid_mappings ? "uidMappings" : "gidMappings");
		return 0;
	}
	if (!l->n_uid_mappings || !l->n_gid_mappings)
		return err_set(err, EINVAL,
			       "linux.%s: user namespaces enabled, but no mappings to apply "
			       "specified",
			       l->n_uid_mappings ? "gidMappings" : "uidMappings");
	if (!maps_root(l->uid_mappings, l->n_uid_mappings) ||
	    !maps_root(l->gid_mappings, l->n_gid_mappings))
		return err_set(err, EINVAL,
			       "linux.%s[0].containerID: root of the container (id 0) is not mapped",
			       maps_root(l->uid_mappings, l->n_uid_mappings) ? "gidMappings" :
									       "uidMappings");
	return 0;
}

static int check_mounts(const struct oci_config *c, struct err *err)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];

		if (oci_mount_is_bind(m) && (!m->source || !*m->source))
			return err_set(err, EINVAL,
				       "mounts[%zu].source is required for a bind mount", i);
		if (m->n_uid_mappings || m->n_gid_mappings)
			return err_set(err, ENOTSUP,
				       "mounts[%zu].%s: idmapped mounts are not supported", i,
				       m->n_uid_mappings ? "uidMappings" : "gidMappings");
	}
	return 0;
}

static int check_namespaces(const struct oci_config *c, struct err *err)
{
	unsigned long seen = 0;

	for (size_t i = 0; i < c->linux_->n_namespaces; i++) {
		const struct oci_namespace *ns = &c->linux_->namespaces[i];
		unsigned long flag = oci_namespace_flag(ns->type);

		if (!flag)
			return err_set(err, EINVAL,
				       "linux.namespaces[%zu].type: namespace \"%s\" does not exist",
				       i, ns->type);
		if (seen & flag)
			return err_set(err, EINVAL,
				       "linux.namespaces[%zu].type: duplicated namespace \"%s\"", i,
				       ns->type);
		if (ns->path && ns->path[0] != '/')
			return err_set(err, EINVAL,
				       "linux.namespaces[%zu].path must be an absolute path", i);
		if (ns->path && (!strcmp(ns->type, "mount") || !strcmp(ns->type, "user") ||
				 !strcmp(ns->type, "time")))
			return err_set(err, EINVAL,
				       "linux.namespaces[%zu].path: a VM cannot join a %s namespace "
				       "of the host",
				       i, ns->type);
		seen |= flag;
	}
	if (!(seen & oci_namespace_flag("network")))
		return err_set(err, EINVAL,
			       "linux.namespaces: the host's network cannot be shared with a VM "
			       "(add a \"network\" namespace)");
	if (!(seen & oci_namespace_flag("pid")))
		return err_set(err, EINVAL,
			       "linux.namespaces: the host's processes cannot be shared with a VM "
			       "(add a \"pid\" namespace)");
	if (!(seen & oci_namespace_flag("mount")))
		return err_set(err, EINVAL,
			       "linux.namespaces: the host's mounts cannot be shared with a VM "
			       "(add a \"mount\" namespace)");
	return 0;
}

static int check_devices(const struct oci_config *c, struct err *err)
{
	for (size_t i = 0; i < c->linux_->n_devices; i++) {
		const struct oci_device *d = &c->linux_->devices[i];

		if (strlen(d->type) != 1 || !strchr("bcup", d->type[0]))
			return err_set(err, EINVAL,
				       "linux.devices[%zu].type: \"%s\" is none of b, c, u, p", i,
				       d->type);
		if (d->path[0] != '/')
			return err_set(err, EINVAL,
				       "linux.devices[%zu].path must be an absolute path", i);
		if (d->type[0] == 'p')
			continue;
		if (d->major < 0 || d->major > UINT32_MAX)
			return err_set(err, EINVAL, "linux.devices[%zu].major is out of range", i);
		if (d->minor < 0 || d->minor > UINT32_MAX)
			return err_set(err, EINVAL, "linux.devices[%zu].minor is out of range", i);
	}
	return 0;
}

static int check_absolute(char *const *paths, const char *key, struct err *err)
{
	for (size_t i = 0; paths && paths[i]; i++)
		if (paths[i][0] != '/')
			return err_set(err, EINVAL, "%s[%zu] must be an absolute path", key, i);
	return 0;
}

static int check_time(const struct oci_config *c, struct err *err)
{
	const struct oci_time_offsets *t = c->linux_->time_offsets;

	if (!t)
		return 0;
	if (!oci_namespace_find(c, "time"))
		return err_set(err, EINVAL,
			       "linux.timeOffsets: unable to set time offsets without a private time "
			       "namespace");
	if (t->monotonic.nanosecs >= NSEC_PER_SEC || t->boottime.nanosecs >= NSEC_PER_SEC)
		return err_set(err, EINVAL, "linux.timeOffsets.%s.nanosecs must be below %u",
			       t->monotonic.nanosecs >= NSEC_PER_SEC ? "monotonic" : "boottime",
			       NSEC_PER_SEC);
	return 0;
}

static int check_personality(const struct oci_config *c, struct err *err)
{
	const struct oci_personality *p = c->linux_->personality;

	if (p && strcmp(p->domain, "LINUX") != 0 && strcmp(p->domain, "LINUX32") != 0)
		return err_set(err, EINVAL,
			       "linux.personality.domain: \"%s\" is neither LINUX nor LINUX32",
			       p->domain);
	return 0;
}

/* What is recorded of cgroups has a line each. */
static int check_cgroups_path(const char *path, struct err *err)
{
	for (; path && *path; path++)
		if ((unsigned char)*path < ' ' || *path == 0x7f)
			return err_set(err, EINVAL,
				       "linux.cgroupsPath contains a control character");
	return 0;
}

static int check_linux(const struct oci_config *c, struct err *err)
{
	const struct oci_linux *l = c->linux_;
	int r;

	if (l->rootfs_propagation && *l->rootfs_propagation &&
	    !oci_propagation_flag(l->rootfs_propagation))
		return err_set(err, EINVAL, "linux.rootfsPropagation: \"%s\" is not supported",
			       l->rootfs_propagation);
	r = check_absolute(l->masked_paths, "linux.maskedPaths", err);
	if (r >= 0)
		r = check_absolute(l->readonly_paths, "linux.readonlyPaths", err);
	if (r >= 0)
		r = check_ids(l->uid_mappings, l->n_uid_mappings, "linux.uidMappings", err);
	if (r >= 0)
		r = check_ids(l->gid_mappings, l->n_gid_mappings, "linux.gidMappings", err);
	if (r >= 0)
		r = check_cgroups_path(l->cgroups_path, err);
	return r;
}

static int check_hook_list(const struct oci_hook *hooks, size_t n, const char *key, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (hooks[i].path[0] != '/')
			return err_set(err, EINVAL, "hooks.%s[%zu].path must be an absolute path",
				       key, i);
		if (hooks[i].has_timeout && hooks[i].timeout <= 0)
			return err_set(err, EINVAL, "hooks.%s[%zu].timeout must be greater than 0",
				       key, i);
	}
	return 0;
}

static int check_hooks(const struct oci_config *c, struct err *err)
{
	const struct oci_hooks *h = c->hooks;
	int r;

	if (!h)
		return 0;
	r = check_hook_list(h->prestart, h->n_prestart, "prestart", err);
	if (r >= 0)
		r = check_hook_list(h->create_runtime, h->n_create_runtime, "createRuntime", err);
	if (r >= 0)
		r = check_hook_list(h->create_container, h->n_create_container, "createContainer",
				    err);
	if (r >= 0)
		r = check_hook_list(h->start_container, h->n_start_container, "startContainer", err);
	if (r >= 0)
		r = check_hook_list(h->poststart, h->n_poststart, "poststart", err);
	if (r >= 0)
		r = check_hook_list(h->poststop, h->n_poststop, "poststop", err);
	return r;
}

/* What no cgroup can be told is known before there is one. */
static int check_resources(const struct oci_config *c, struct err *err)
{
	_cleanup_(oci_v2_plan_done) struct oci_v2_plan plan = { 0 };

	return oci_v2_plan(c->linux_->limits, "linux.resources", &plan, err);
}

int oci_config_validate(const struct oci_config *c, struct err *err)
{
	/* In this order; later checks rely on what earlier ones saw. */
	static int (*const checks[])(const struct oci_config *, struct err *) = {
		check_version,       check_process,        check_namespaces,     check_names,
		check_mounts,        check_linux,          check_devices,        check_hooks,
		oci_sysctl_validate, check_resources,      oci_seccomp_validate, check_time,
		check_personality,   check_user_namespace,
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int r = checks[i](c, err);

		if (r < 0)
			return r;
	}
	return 0;
}
