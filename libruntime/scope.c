/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "wire/message.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define NO_SUCH_UNIT SYSTEMD ".NoSuchUnit"
#define FILE_MAX 4096
#define CPUS_MAX 1024
#define SECOND 1000000 /* in microseconds */
#define PERCENT \
	(SECOND / 100) /* of a processor: what systemd counts quotas in when it writes them down */

#define _message_ _cleanup_(sdbus_message_done)

/* ---- the manager ---- */

/* What systemd does about a unit, and how that ended. */
struct job {
	const char *path; /* NULL: not known yet */
	const char *sender; /* who has named it: anybody can send us signals, and the bus writes down who has */
	char result[32];
	bool ended;
};

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *e)
{
	const char *path, *unit, *result;
	struct job *job = data;
	uint32_t id;

	(void)e;
	if (!job->path || !same(sdbus.message_get_sender(m), job->sender) ||
	    sdbus.message_read(m, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (strcmp(path, job->path) == 0) {
		wire_clean_text(job->result, sizeof(job->result), result);
		job->ended = true;
	}
	return 0;
}

static int message_failed(int r, struct err *err)
{
	return err_errno(err, -r, "message for systemd");
}

static int manager_call(struct sdbus_connection *c, sd_bus_message **m, const char *member,
			struct err *err)
{
	int r = sdbus.message_new_method_call(c->bus, m, SYSTEMD, OBJECT, MANAGER, member);

	return r < 0 ? message_failed(r, err) : 0;
}

/* job is going to be waited for, as long as the connection is there. */
static int manager_open(const struct sdbus_at *at, struct job *job, struct sdbus_connection *ret,
			struct err *err)
{
	_message_ sd_bus_message *m = NULL;
	int r = sdbus_open(at, ret, err);

	if (r >= 0)
		r = sdbus_match(ret, SYSTEMD, OBJECT, MANAGER, "JobRemoved", on_job_removed, job,
				err);
	if (r >= 0)
		r = manager_call(ret, &m, "Subscribe", err);
	return r < 0 ? r : sdbus_call(ret, m, NULL, err);
}

/* Until the job that a reply names has ended. */
static int wait_job(struct sdbus_connection *c, sd_bus_message *reply, struct job *job,
		    struct err *err)
{
	int r = sdbus.message_read(reply, "o", &job->path);

	if (r < 0)
		return err_errno(err, -r, "systemd names no job");
	job->sender = sdbus.message_get_sender(reply);
	while (!job->ended) {
		r = sdbus_turn(c, err);
		if (r < 0)
			return err_wrap(err, "JobRemoved");
	}
	return strcmp(job->result, "done") == 0 ?
		       0 :
		       err_set(err, EREMOTEIO, "systemd's job for it: %s", job->result);
}

/* ---- a scope's life ---- */

const char *scope_unit(const char *path)
{
	return str_has_suffix(path, ".scope") ? strrchr(path, '/') + 1 : NULL;
}

/* The unit that a scope lies in: the component before it. */
static char *slice_of(const char *path)
{
	_free_ char *above = strdup(path);
	char *p = above ? strrchr(above, '/') : NULL;

	if (!p)
		return NULL;
	*p = '\0';
	p = strrchr(above, '/');
	return strdup(p ? p + 1 : "-.slice");
}

static int append_scope(sd_bus_message *m, const char *unit, const char *slice, pid_t pid)
{
	/* clang-format off */
	return sdbus.message_append(m, "ssa(sv)a(sa(sv))", unit, "fail",
		10, /* properties */
		/* Collected also if it fails, with a process killed for its memory for example: the name is free again. */
		"CollectMode", "s", "inactive-or-failed",
		"Description", "s", "moat container",
		"Slice", "s", slice,
		"DefaultDependencies", "b", false,
		"Delegate", "b", true,
		"CPUAccounting", "b", true,
		"IOAccounting", "b", true,
		"MemoryAccounting", "b", true,
		"TasksAccounting", "b", true,
		"PIDs", "au", 1, (uint32_t)pid,
		0); /* auxiliary units */
	/* clang-format on */
}

int scope_start(const struct sdbus_at *at, const char *path, pid_t pid, struct err *err)
{
	_cleanup_(sdbus_done) struct sdbus_connection c = {};
	_message_ sd_bus_message *m = NULL, *reply = NULL;
	_free_ char *slice = slice_of(path);
	const char *unit = scope_unit(path);
	struct job job = {};
	int r;

	if (!slice || !unit)
		return err_errno(err, ENOMEM, "%s", path);
	r = manager_open(at, &job, &c, err);
	if (r >= 0)
		r = manager_call(&c, &m, "StartTransientUnit", err);
	if (r >= 0) {
		r = append_scope(m, unit, slice, pid);
		r = r < 0 ? message_failed(r, err) : sdbus_call(&c, m, &reply, err);
	}
	if (r >= 0) {
		r = wait_job(&c, reply, &job, err);
		/* It is ours since the reply, whatever has become of it. */
		if (r < 0)
			(void)scope_stop(at, unit, NULL);
	}
	return r < 0 ? err_wrap(err, "--systemd-cgroup: unit %s", unit) : 0;
}

int scope_stop(const struct sdbus_at *at, const char *unit, struct err *err)
{
	_cleanup_(sdbus_done) struct sdbus_connection c = {};
	_message_ sd_bus_message *m = NULL, *reply = NULL;
	struct job job = {};
	int r;

	r = manager_open(at, &job, &c, err);
	if (r >= 0)
		r = manager_call(&c, &m, "StopUnit", err);
	if (r >= 0) {
		r = sdbus.message_append(m, "ss", unit, "replace");
		r = r < 0 ? message_failed(r, err) : sdbus_call(&c, m, &reply, err);
	}
	if (r < 0 && strcmp(c.error, NO_SUCH_UNIT) == 0)
		return 0;
	if (r >= 0)
		r = wait_job(&c, reply, &job, err);
	return r < 0 ? err_wrap(err, "stop unit %s", unit) : 0;
}

/* ---- limits ---- */

int scope_cpuset(const char *list, unsigned char set[CPUS_MAX / 8])
{
	unsigned long first, last, top = 0;
	char *end;

	memset(set, 0, CPUS_MAX / 8);
	while (*list) {
		first = last = strtoul(list, &end, 10);
		if (end != list && *end == '-') {
			list = end + 1;
			last = strtoul(list, &end, 10);
		}
		if (end == list || (*end && *end != ',') || first > last || last >= CPUS_MAX)
			return -EINVAL;
		for (unsigned long i = first; i <= last; i++)
			set[i / 8] |= (unsigned char)(1U << (i % 8));
		top = last / 8 + 1 > top ? last / 8 + 1 : top;
		list = *end ? end + 1 : end;
	}
	return (int)top;
}

/* Each appends an element of a(sv) and returns -errno, or >= 0 also if there is nothing to say. */

static int append_number(sd_bus_message *m, const char *name, const char *value)
{
	uint64_t n = UINT64_MAX; /* "max" */

	if (num_u64(value, 0, UINT64_MAX, &n) < 0 && strcmp(value, "max") != 0)
		return 0;
	return sdbus.message_append(m, "(sv)", name, "t", n);
}

static int append_list(sd_bus_message *m, const char *name, const char *value)
{
	unsigned char set[CPUS_MAX / 8];
	int r, n = scope_cpuset(value, set);

	if (n < 0)
		return 0;
	r = sdbus.message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sdbus.message_append(m, "s", name);
	if (r >= 0)
		r = sdbus.message_open_container(m, 'v', "ay");
	if (r >= 0)
		r = sdbus.message_append_array(m, 'y', set, (size_t)n);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = sdbus.message_close_container(m);
	return r;
}

/* "QUOTA PERIOD" of cpu.max. */
static int append_quota(sd_bus_message *m, const char *name, const char *value)
{
	const char *space = strchr(value, ' ');
	_free_ char *first = strndup(value, strcspn(value, " "));
	uint64_t quota, period, second = UINT64_MAX;

	if (!space || !first || num_u64(space + 1, 1, UINT32_MAX, &period) < 0)
		return 0;
	if (num_u64(first, 1, UINT64_MAX / SECOND, &quota) >= 0) {
		second = quota * SECOND / period;
		second = (second + PERCENT - 1) / PERCENT * PERCENT;
	}
	return sdbus.message_append(m, "(sv)(sv)", name, "t", second, "CPUQuotaPeriodUSec", "t",
				    period);
}

static const struct property {
	const char *file, *name;
	int (*append)(sd_bus_message *m, const char *name, const char *value);
	bool planned; /* the value is the plan's: the kernel may lack the file, where systemd knows another one */
} properties[] = {
	{ "memory.max", "MemoryMax", append_number, false },
	{ "memory.low", "MemoryLow", append_number, false },
	{ "memory.swap.max", "MemorySwapMax", append_number, false },
	{ "cpu.weight", "CPUWeight", append_number, false },
	{ "cpu.max", "CPUQuotaPerSecUSec", append_quota, false },
	{ "pids.max", "TasksMax", append_number, false },
	{ "cpuset.cpus", "AllowedCPUs", append_list, false },
	{ "cpuset.mems", "AllowedMemoryNodes", append_list, false },
	{ "io.weight", "IOWeight", append_number, true },
};

/* The row of one that systemd has a property for, of those that are late or are not; else NULL. */
static const struct property *property_of(const struct host_limit *l, bool late)
{
	if (!l->v2 || !!(l->flags & HOST_LIMIT_LATE) != late)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		if (strcmp(properties[i].file, l->v2) == 0)
			return &properties[i];
	return NULL;
}

static bool has_properties(const struct host_limits *l, bool late)
{
	for (size_t i = 0; i < l->n; i++)
		if (property_of(&l->v[i], late))
			return true;
	return false;
}

static int append_limit(sd_bus_message *m, const struct property *p, const struct host_limit *l,
			const char *leaf)
{
	_free_ char *path = NULL, *text = NULL;

	if (p->planned)
		return p->append(m, p->name, l->v2_value);
	path = path_join(leaf, l->v2);
	if (!path || io_read_file(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return p->append(m, p->name, text);
}

/* The body. */
static int append_limits(sd_bus_message *m, const char *unit, const struct host_limits *l,
			 const char *leaf, bool late)
{
	int r = sdbus.message_append(m, "sb", unit, true /* --runtime */);

	if (r >= 0)
		r = sdbus.message_open_container(m, 'a', "(sv)");
	for (size_t i = 0; i < l->n && r >= 0; i++) {
		const struct property *p = property_of(&l->v[i], late);

		if (p)
			r = append_limit(m, p, &l->v[i], leaf);
	}
	return r < 0 ? r : sdbus.message_close_container(m);
}

int scope_limit_from(const struct sdbus_at *at, const char *unit, const struct host_limits *l,
		     const char *leaf, bool late, struct err *err)
{
	_cleanup_(sdbus_done) struct sdbus_connection c = {};
	_message_ sd_bus_message *m = NULL;
	int r;

	if (!has_properties(l, late))
		return 0;
	r = sdbus_open(at, &c, err);
	if (r >= 0)
		r = manager_call(&c, &m, "SetUnitProperties", err);
	if (r >= 0) {
		r = append_limits(m, unit, l, leaf, late);
		r = r < 0 ? message_failed(r, err) : sdbus_call(&c, m, NULL, err);
	}
	return r < 0 ? err_wrap(err, "limits of unit %s", unit) : 0;
}

static const char *leaf_of(char *const *dirs)
{
	struct statfs fs;

	for (; dirs && *dirs; dirs++)
		if (cgroup_is_leaf(dirs) && statfs(*dirs, &fs) == 0 &&
		    fs.f_type == CGROUP2_SUPER_MAGIC)
			return *dirs;
	return NULL;
}

int scope_limit(const struct sdbus_at *at, const char *unit, const struct host_limits *l,
		char *const *dirs, bool late, struct err *err)
{
	const char *leaf = leaf_of(dirs);

	return leaf ? scope_limit_from(at, unit, l, leaf, late, err) : 0;
}
