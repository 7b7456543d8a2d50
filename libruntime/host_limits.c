/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be written; writing it is in host_limits_apply.c. */
#include "libruntime/host_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define MIB ((uint64_t)1 << 20)
#define MOST ((uint64_t)INT64_MAX / 4096 * 4096) /* of memory: version 1's "unlimited" */
#define STANDIN_MEMORY 16 /* MiB */
/* A quarter of a processor for QEMU's and virtiofsd's own work, which is what Kata declares to Kubernetes. */
#define VM_CPU_DIVISOR 4
/* QEMU's threads (processors, up to 64 of its pool), virtiofsd's pool, monitor, stand-ins of as many execs as the guest has processes. */
#define VM_TASKS 512
#define STANDIN_TASKS 8

struct build {
	const char *path;
	struct host_limits l;
	bool failed;
};

void host_limits_done(struct host_limits *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].v1_value);
		free(l->v[i].v2_value);
		free(l->v[i].v1_less);
		free(l->v[i].field);
	}
	free(l->v);
	*l = (struct host_limits){ 0 };
}

static struct host_limit *add(struct build *b, unsigned int flags, const char *field,
			      const char *controller, const char *v1, const char *v2)
{
	static struct host_limit nowhere;
	struct host_limit *v = reallocarray(b->l.v, b->l.n + 1, sizeof(*v)), *l;

	if (!v) {
		b->failed = true;
		nowhere = (struct host_limit){ 0 };
		return &nowhere;
	}
	b->l.v = v;
	l = &v[b->l.n++];
	*l = (struct host_limit){ .flags = flags, .controller = controller, .v1 = v1, .v2 = v2 };
	l->field = str_printf("%s.%s", b->path, field);
	b->failed |= !l->field;
	return l;
}

static void set(struct build *b, char **value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void set(struct build *b, char **value, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(value, fmt, ap) < 0)
		*value = NULL;
	va_end(ap);
	b->failed |= !*value;
}

/* ---- memory ---- */

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a < MOST && b < MOST - a ? a + b : MOST;
}

/* Bytes that a limit of so many becomes: with the whole VM, since the guest may use all that it has for the container. */
static uint64_t with_room(uint64_t bytes, const struct host_room *room)
{
	uint64_t vm = room->vm_memory < MOST / MIB ? room->vm_memory * MIB : MOST;

	if (!room->vm)
		return sum(bytes, STANDIN_MEMORY * MIB);
	/* Bytes of a limit beyond the VM, which got no more, do no harm. */
	return sum(vm > bytes ? vm : bytes, room->overhead * MIB);
}

/* Version 1 counts memory and swap together and wants that above the memory limit at all times: whether it has to be set before or after is not known here. */
static void plan_swap(struct build *b, const struct oci_memory *m, uint64_t limit, bool before)
{
	uint64_t swap = m->swap > m->limit && m->limit > 0 ? (uint64_t)(m->swap - m->limit) : 0;
	bool all = m->swap < 0 || m->limit < 0;
	struct host_limit *l;

	if (!m->swap && m->limit >= 0)
		return;
	l = add(b,
		HOST_LIMIT_LATE | HOST_LIMIT_OPTIONAL | (before ? HOST_LIMIT_MAY_FAIL : 0) |
			(all ? 0 : HOST_LIMIT_IN_USE),
		"memory.swap", "memory", "memory.memsw.limit_in_bytes",
		before ? NULL : "memory.swap.max");
	if (all) {
		set(b, &l->v1_value, "-1");
		set(b, &l->v2_value, "max");
		return;
	}
	set(b, &l->v1_value, "%" PRIu64, sum(limit, swap));
	set(b, &l->v2_value, "%" PRIu64, swap);
}

static void plan_memory(struct build *b, const struct oci_memory *m, const struct host_room *room)
{
	uint64_t limit = m->limit > 0 ? with_room((uint64_t)m->limit, room) : MOST;
	struct host_limit *l;

	plan_swap(b, m, limit, true);
	if (m->limit) {
		l = add(b, HOST_LIMIT_LATE | (m->limit > 0 ? HOST_LIMIT_IN_USE : 0), "memory.limit",
			"memory", "memory.limit_in_bytes", "memory.max");
		set(b, &l->v1_value, "%" PRId64, m->limit < 0 ? -1 : (int64_t)limit);
		if (m->limit < 0)
			set(b, &l->v2_value, "max");
		else
			set(b, &l->v2_value, "%" PRIu64, limit);
	}
	plan_swap(b, m, limit, false);
	if (m->reservation > 0) {
		l = add(b, HOST_LIMIT_LATE | HOST_LIMIT_OPTIONAL, "memory.reservation", "memory",
			"memory.soft_limit_in_bytes", "memory.low");
		set(b, &l->v1_value, "%" PRIu64, with_room((uint64_t)m->reservation, room));
		set(b, &l->v2_value, "%" PRId64, m->reservation);
	}
}

/* ---- processors ---- */

static void plan_quota(struct build *b, const struct oci_cpu *c, const struct host_room *room)
{
	uint64_t period = c->period ? c->period : OCI_CPU_PERIOD, quota = (uint64_t)c->quota, more;
	struct host_limit *l;

	/* Neither value may be at odds with the other on the way. */
	l = add(b, HOST_LIMIT_LATE, "cpu.quota", "cpu", "cpu.cfs_quota_us", NULL);
	set(b, &l->v1_value, "-1");
	l = add(b, HOST_LIMIT_LATE, "cpu.period", "cpu", "cpu.cfs_period_us", NULL);
	set(b, &l->v1_value, "%" PRIu64, period);
	l = add(b, HOST_LIMIT_LATE, c->quota ? "cpu.quota" : "cpu.period", "cpu",
		"cpu.cfs_quota_us", "cpu.max");
	if (c->quota <= 0) {
		set(b, &l->v1_value, "-1");
		set(b, &l->v2_value, "max %" PRIu64, period);
		return;
	}
	more = room->vm ? period / VM_CPU_DIVISOR : 0;
	more = quota <= (uint64_t)INT64_MAX - more ? quota + more : quota;
	set(b, &l->v1_value, "%" PRIu64, more);
	set(b, &l->v2_value, "%" PRIu64 " %" PRIu64, more, period);
	/* A parent's quota bounds its children's there; version 2 simply applies both. */
	set(b, &l->v1_less, "%" PRIu64, quota);
}

static void plan_cpuset(struct build *b, const char *field, const char *file, const char *list)
{
	struct host_limit *l;

	if (!list || !*list)
		return;
	l = add(b, 0, field, "cpuset", file, file);
	set(b, &l->v1_value, "%s", list);
	set(b, &l->v2_value, "%s", list);
}

static void plan_cpu(struct build *b, const struct oci_cpu *c, const struct host_room *room)
{
	struct host_limit *l;

	plan_cpuset(b, "cpu.cpus", "cpuset.cpus", c->cpus);
	plan_cpuset(b, "cpu.mems", "cpuset.mems", c->mems);
	if (c->shares) {
		l = add(b, 0, "cpu.shares", "cpu", "cpu.shares", "cpu.weight");
		set(b, &l->v1_value, "%" PRIu64, c->shares);
		set(b, &l->v2_value, "%" PRIu64, oci_cpu_weight(c->shares));
	}
	if (c->quota || c->period)
		plan_quota(b, c, room);
}

/* ---- the rest ---- */

static void plan_pids(struct build *b, int64_t limit, const struct host_room *room)
{
	int64_t more = room->vm ? VM_TASKS : STANDIN_TASKS;
	struct host_limit *l;

	if (!limit)
		return;
	l = add(b, 0, "pids.limit", "pids", "pids.max", "pids.max");
	if (limit < 0 || limit > INT32_MAX - more) {
		set(b, &l->v1_value, "max");
		set(b, &l->v2_value, "max");
		return;
	}
	set(b, &l->v1_value, "%" PRId64, limit + more);
	set(b, &l->v2_value, "%" PRId64, limit + more);
}

static void plan_throttle(struct build *b, const struct oci_io_device *d, size_t n, const char *key,
			  const char *v1, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		struct host_limit *l;
		char field[64];

		snprintf(field, sizeof(field), "blockIO.%s[%zu]", key, i);
		l = add(b, HOST_LIMIT_DEVICE | HOST_LIMIT_OPTIONAL, field, "blkio", v1, "io.max");
		set(b, &l->v1_value, "%" PRId64 ":%" PRId64 " %" PRIu64, d[i].major, d[i].minor,
		    d[i].rate);
		if (d[i].rate)
			set(b, &l->v2_value, "%" PRId64 ":%" PRId64 " %s=%" PRIu64, d[i].major,
			    d[i].minor, word, d[i].rate);
		else
			set(b, &l->v2_value, "%" PRId64 ":%" PRId64 " %s=max", d[i].major,
			    d[i].minor, word);
	}
}

static void plan_io(struct build *b, const struct oci_block_io *io)
{
	struct host_limit *l;

	if (io->weight) {
		l = add(b, HOST_LIMIT_OPTIONAL, "blockIO.weight", "blkio", "blkio.bfq.weight",
			"io.bfq.weight");
		set(b, &l->v1_value, "%u", (unsigned int)io->weight);
		set(b, &l->v2_value, "%u", (unsigned int)io->weight);
		l = add(b, HOST_LIMIT_OPTIONAL, "blockIO.weight", "blkio", "blkio.weight",
			"io.weight");
		set(b, &l->v1_value, "%u", (unsigned int)io->weight);
		set(b, &l->v2_value, "%u", oci_io_weight(io->weight));
	}
	plan_throttle(b, io->read_bps, io->n_read_bps, "throttleReadBpsDevice",
		      "blkio.throttle.read_bps_device", "rbps");
	plan_throttle(b, io->write_bps, io->n_write_bps, "throttleWriteBpsDevice",
		      "blkio.throttle.write_bps_device", "wbps");
	plan_throttle(b, io->read_iops, io->n_read_iops, "throttleReadIOPSDevice",
		      "blkio.throttle.read_iops_device", "riops");
	plan_throttle(b, io->write_iops, io->n_write_iops, "throttleWriteIOPSDevice",
		      "blkio.throttle.write_iops_device", "wiops");
}

static int finish(struct build *b, struct host_limits *ret, struct err *err)
{
	if (b->failed) {
		host_limits_done(&b->l);
		return err_errno(err, ENOMEM, "host cgroup");
	}
	*ret = b->l;
	return 0;
}

int host_limits_plan(const struct oci_resources *r, const char *path, const struct host_room *room,
		     struct host_limits *ret, struct err *err)
{
	struct build b = { .path = path };

	if (r && r->cpu)
		plan_cpu(&b, r->cpu, room);
	if (r && r->pids)
		plan_pids(&b, r->pids->limit, room);
	if (r && r->block_io)
		plan_io(&b, r->block_io);
	if (r && r->memory)
		plan_memory(&b, r->memory, room);
	return finish(&b, ret, err);
}

int host_limits_plan_lift(struct host_limits *ret, struct err *err)
{
	static const struct {
		const char *controller, *v1, *v1_value, *v2, *v2_value;
	} all[] = {
		{ "memory", "memory.memsw.limit_in_bytes", "-1", "memory.swap.max", "max" },
		{ "memory", "memory.limit_in_bytes", "-1", "memory.max", "max" },
		{ "memory", "memory.soft_limit_in_bytes", "-1", "memory.low", "0" },
		{ "cpu", "cpu.cfs_quota_us", "-1", "cpu.max", "max" },
		{ "pids", "pids.max", "max", "pids.max", "max" },
		/* "": what the parent has */
		{ "cpuset", "cpuset.cpus", "", "cpuset.cpus", "\n" },
		{ "cpuset", "cpuset.mems", "", "cpuset.mems", "\n" },
	};
	struct build b = { .path = "the sandbox" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct host_limit *l = add(&b, HOST_LIMIT_OPTIONAL, all[i].controller,
					   all[i].controller, all[i].v1, all[i].v2);

		set(&b, &l->v1_value, "%s", all[i].v1_value);
		set(&b, &l->v2_value, "%s", all[i].v2_value);
	}
	return finish(&b, ret, err);
}
