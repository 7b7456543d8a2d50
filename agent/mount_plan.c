/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "agent/mount.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"

/* What runc allows to be mounted inside /proc (lxcfs and its like). */
static const char *const proc_files[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/meminfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/uptime",
	"/proc/loadavg",
	"/proc/slabinfo",
	"/proc/net/dev",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/crypto/fips_enabled",
};

static const json_t *row_of(const json_t *map, size_t index)
{
	size_t i;
	json_t *e;

	json_array_foreach((json_t *)map, i, e)
		if (js_get_int(e, "index", -1) == (int64_t)index)
			return e;
	return NULL;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || path[n] == '\0');
}

static bool is_guest_source(const char *source)
{
	return is_below(source, "/proc") || is_below(source, "/sys") || is_below(source, "/dev");
}

static bool is_cgroup(const char *type)
{
	return type && (!strcmp(type, "cgroup") || !strcmp(type, "cgroup2"));
}

static int plan_kind(struct mount_op *op, const struct oci_mount *m, const json_t *map,
		     size_t index, struct err *err)
{
	const json_t *row = row_of(map, index);
	const char *volume = js_get_str(row, "volume");

	if (volume) {
		op->kind = js_get_bool(row, "node", false) ? MOUNT_NOTHING : MOUNT_BIND_VOLUME;
		op->share_path = volume;
	} else if (op->flags.set & MS_REMOUNT) {
		op->kind = MOUNT_REMOUNT;
	} else if (!oci_mount_is_bind(m)) {
		op->kind = is_cgroup(m->type) ? MOUNT_CGROUP : MOUNT_FS;
		if (!m->type || !*m->type)
			return err_set(err, EINVAL, "mount type is missing");
	} else if ((op->share_path = js_get_str(row, "memory"))) {
		op->kind = MOUNT_BIND_MEMORY;
	} else if ((op->share_path = js_get_str(row, "source"))) {
		op->kind = MOUNT_BIND_SHARE;
	} else if (m->source && is_guest_source(m->source) && !strstr(m->source, "/..")) {
		op->kind = MOUNT_BIND_GUEST;
	} else {
		return err_set(err, ENOENT, "stat %s: %s", m->source ? m->source : "",
			       err_str(ENOENT));
	}
	return 0;
}

/* Mounts on and in /proc: runc's rules (a fake /proc would redirect what is written there). */
static int check_proc(const struct mount_op *op, struct err *err)
{
	bool guest_proc = op->kind == MOUNT_BIND_GUEST && !strcmp(op->source, "/proc");

	if (!is_below(op->dest, "/proc") || op->kind == MOUNT_REMOUNT)
		return 0;
	if (!strcmp(op->dest, "/proc")) {
		if (guest_proc || (op->kind == MOUNT_FS && !strcmp(op->type, "proc")))
			return 0;
		return err_set(err, EINVAL,
			       "\"%s\" cannot be mounted because it is not of type proc", op->dest);
	}
	for (size_t i = 0; i < ARRAY_SIZE(proc_files); i++)
		if (is_below(op->dest, proc_files[i]))
			return 0;
	return err_set(err, EINVAL, "\"%s\" cannot be mounted because it is inside /proc", op->dest);
}

static int plan_one(struct mount_op *op, const struct oci_config *c, const json_t *map,
		    size_t index, struct err *err)
{
	const struct oci_mount *m = &c->mounts[index];
	_free_ char *absolute = path_join("/", m->destination);
	int r;

	op->type = m->type;
	op->source = m->source ? m->source : "";
	op->dest = absolute ? path_clean(absolute) : NULL;
	if (!op->dest)
		return err_errno(err, ENOMEM, "plan mounts");
	r = oci_mount_flags_parse(m->options, &op->flags, err);
	if (r >= 0 && op->flags.idmap)
		r = err_set(err, ENOSYS, "option \"idmap\" is not supported");
	if (r >= 0)
		r = plan_kind(op, m, map, index, err);
	if (r >= 0)
		r = check_proc(op, err);
	if (r < 0)
		return err_wrap(err, "error mounting \"%s\" to rootfs at \"%s\"", op->source,
				m->destination);
	/* The agent itself has something to make in these first. */
	op->late_readonly = op->flags.set & MS_RDONLY &&
			    ((op->kind == MOUNT_FS && !strcmp(op->type, "tmpfs")) ||
			     !strcmp(op->dest, "/dev"));
	op->bind_dev = !strcmp(op->dest, "/dev") &&
		       (op->kind == MOUNT_BIND_SHARE || op->kind == MOUNT_BIND_GUEST);
	return 0;
}

int mount_plan_build(const struct oci_config *c, const json_t *map, struct mount_plan *ret,
		     struct err *err)
{
	struct mount_plan p = { 0 };

	p.ops = calloc(c->n_mounts ? c->n_mounts : 1, sizeof(*p.ops));
	if (!p.ops)
		return err_errno(err, ENOMEM, "plan mounts");
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct mount_op *op = &p.ops[p.n++];

		op->fd = -EBADF;
		int r = plan_one(op, c, map, i, err);

		if (r < 0) {
			mount_plan_done(&p);
			return r;
		}
		p.bind_dev |= op->bind_dev;
		p.volumes |= op->kind == MOUNT_BIND_VOLUME;
	}
	*ret = p;
	return 0;
}

void mount_plan_done(struct mount_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->ops[i].dest);
		fd_close(p->ops[i].fd);
		oci_mount_flags_done(&p->ops[i].flags);
	}
	free(p->ops);
	*p = (struct mount_plan){ 0 };
}
