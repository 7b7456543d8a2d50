/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sched.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"

#define NICE_MIN (-20)
#define NICE_MAX 19
#define IO_LEVELS 8
/* Of the kernel, where glibc has no name for them. */
#define ISO 4
#define DEADLINE 6

struct name {
	const char *name;
	int number;
};

static const struct name policies[] = {
	{ "SCHED_OTHER", SCHED_OTHER }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH }, { "SCHED_ISO", ISO },         { "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", DEADLINE },
};

static const struct name flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static const struct name classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};

static int number_of(const struct name *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, name))
			return v[i].number;
	return -1;
}

int oci_sched_policy(const char *name)
{
	return number_of(policies, ARRAY_SIZE(policies), name);
}

int oci_sched_flag(const char *name)
{
	return number_of(flags, ARRAY_SIZE(flags), name);
}

int oci_io_class(const char *name)
{
	return number_of(classes, ARRAY_SIZE(classes), name);
}

/* "7" or "0-3", of n bytes. */
static int parse_range(const char *s, size_t n, uint32_t *ret_from, uint32_t *ret_to)
{
	char text[32], *dash;

	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	dash = strchr(text, '-');
	if (dash)
		*dash++ = '\0';
	if (num_u32(text, 0, CPU_SETSIZE - 1, ret_from) < 0 ||
	    num_u32(dash ? dash : text, *ret_from, CPU_SETSIZE - 1, ret_to) < 0)
		return -EINVAL;
	return 0;
}

int oci_cpus_parse(const char *list, cpu_set_t *ret)
{
	cpu_set_t set;
	uint32_t from, to;

	CPU_ZERO(&set);
	for (;;) {
		size_t n = strcspn(list, ",");

		if (parse_range(list, n, &from, &to) < 0)
			return -EINVAL;
		for (uint32_t i = from; i <= to; i++)
			CPU_SET(i, &set);
		if (!list[n])
			break;
		list += n + 1;
	}
	*ret = set;
	return 0;
}

static int check_scheduler(const struct oci_scheduler *s, const char *path, struct err *err)
{
	int policy;

	if (!s)
		return 0;
	policy = s->policy ? oci_sched_policy(s->policy) : -1;
	if (!s->policy || !*s->policy)
		return err_set(err, EINVAL, "%s.scheduler.policy is required", path);
	if (policy < 0)
		return err_set(err, EINVAL, "%s.scheduler.policy: invalid scheduler policy \"%s\"",
			       path, s->policy);
	if (s->nice < NICE_MIN || s->nice > NICE_MAX)
		return err_set(err, EINVAL, "%s.scheduler.nice must be from %d to %d", path,
			       NICE_MIN, NICE_MAX);
	if (s->priority && policy != SCHED_FIFO && policy != SCHED_RR)
		return err_set(err, EINVAL,
			       "%s.scheduler.priority can only be specified for SCHED_FIFO or "
			       "SCHED_RR policy",
			       path);
	if (s->priority < 0)
		return err_set(err, EINVAL, "%s.scheduler.priority must not be negative", path);
	if (policy != DEADLINE && (s->runtime || s->deadline || s->period))
		return err_set(err, EINVAL,
			       "%s.scheduler: runtime, deadline and period can only be specified "
			       "for SCHED_DEADLINE policy",
			       path);
	for (size_t i = 0; s->flags && s->flags[i]; i++)
		if (oci_sched_flag(s->flags[i]) < 0)
			return err_set(err, EINVAL,
				       "%s.scheduler.flags[%zu]: invalid scheduler flag \"%s\"",
				       path, i, s->flags[i]);
	return 0;
}

static int check_io(const struct oci_io_priority *io, const char *path, struct err *err)
{
	if (!io)
		return 0;
	if (!io->class_ || oci_io_class(io->class_) < 0)
		return err_set(err, EINVAL, "%s.ioPriority.class: invalid class \"%s\"", path,
			       io->class_ ? io->class_ : "");
	if (io->priority < 0 || io->priority >= IO_LEVELS)
		return err_set(err, EINVAL, "%s.ioPriority.priority must be from 0 to %d", path,
			       IO_LEVELS - 1);
	return 0;
}

static int check_cpus(const char *list, const char *path, const char *key, struct err *err)
{
	cpu_set_t set;

	if (list && *list && oci_cpus_parse(list, &set) < 0)
		return err_set(err, EINVAL,
			       "%s.execCPUAffinity.%s: \"%s\" is not a list of CPUs like \"0-3,7\"",
			       path, key, list);
	return 0;
}

int oci_sched_validate(const struct oci_process *p, const char *path, struct err *err)
{
	const struct oci_cpu_affinity *a = p->exec_cpu_affinity;
	int r = check_scheduler(p->scheduler, path, err);

	if (r >= 0)
		r = check_io(p->io_priority, path, err);
	if (r >= 0 && a)
		r = check_cpus(a->initial, path, "initial", err);
	if (r >= 0 && a)
		r = check_cpus(a->final, path, "final", err);
	return r;
}
