/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources as files of a version 2 cgroup. The specification speaks of version 1; the conversions are those of
 * runc (libcontainer/cgroups: KEP-2254 for CPU shares), so that a limit means the same with either runtime.
 * Files: Documentation/admin-guide/cgroup-v2.rst.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/resources.h"

#define MIN_SHARES 2
#define MAX_SHARES 262144

void oci_v2_plan_done(struct oci_v2_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].file);
		free(p->v[i].value);
		free(p->v[i].field);
	}
	free(p->v);
	*p = (struct oci_v2_plan){ 0 };
}

/* ---- building ---- */

struct build {
	const char *path;
	struct oci_v2_plan plan;
	bool failed;
};

static void add(struct build *b, unsigned int flags, const char *field, const char *file,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void add(struct build *b, unsigned int flags, const char *field, const char *file,
		const char *fmt, ...)
{
	struct oci_v2_write *v = reallocarray(b->plan.v, b->plan.n + 1, sizeof(*v)), *w;
	va_list ap;

	if (!v) {
		b->failed = true;
		return;
	}
	b->plan.v = v;
	w = &v[b->plan.n++];
	*w = (struct oci_v2_write){ .flags = flags };
	w->file = strdup(file);
	w->field = str_printf("%s.%s", b->path, field);
	va_start(ap, fmt);
	if (vasprintf(&w->value, fmt, ap) < 0)
		w->value = NULL;
	va_end(ap);
	b->failed |= !w->file || !w->field || !w->value;
}

/* 0: unset, -1: max. */
static void add_limit(struct build *b, unsigned int flags, const char *field, const char *file,
		      int64_t v)
{
	if (v == -1)
		add(b, flags, field, file, "max");
	else if (v)
		add(b, flags, field, file, "%" PRId64, v);
}

/* ---- memory ---- */

/* Version 1's swap counts memory too, version 2's does not. *ret as add_limit() takes it; *none: no swap at all. */
static int swap_limit(const struct build *b, const struct oci_memory *m, int64_t *ret, bool *none,
		      struct err *err)
{
	*none = false;
	*ret = m->swap;
	/* Whoever lifts the memory limit and says nothing of swap means both. */
	if (m->limit == -1 && m->swap == 0)
		*ret = -1;
	if (m->swap <= 0)
		return 0;
	if (m->limit == 0)
		return err_set(err, EINVAL,
			       "%s.memory.swap: unable to set swap limit without memory limit",
			       b->path);
	if (m->limit == -1)
		return err_set(err, EINVAL,
			       "%s.memory.swap: unable to set swap limit while memory is unlimited",
			       b->path);
	if (m->swap < m->limit)
		return err_set(err, EINVAL,
			       "%s.memory.swap: memory+swap limit should be >= memory limit",
			       b->path);
	*ret = m->swap - m->limit;
	*none = *ret == 0;
	return 0;
}

static int plan_memory(struct build *b, const struct oci_memory *m, struct err *err)
{
	int64_t swap;
	bool none;
	int r = swap_limit(b, m, &swap, &none, err);

	if (r < 0)
		return r;
	/* A kernel without swap has no file for it, and neither "all of it" nor "nothing" needs one. */
	if (none)
		add(b, OCI_V2_OPTIONAL, "memory.swap", "memory.swap.max", "0");
	else
		add_limit(b, swap == -1 ? OCI_V2_OPTIONAL : 0, "memory.swap", "memory.swap.max",
			  swap);
	add_limit(b, 0, "memory.limit", "memory.max", m->limit);
	add_limit(b, 0, "memory.reservation", "memory.low", m->reservation);
	return 0;
}

/* ---- cpu ---- */

/* 2 to 262144 becomes 1 to 10000. */
uint64_t oci_cpu_weight(uint64_t shares)
{
	if (shares < MIN_SHARES)
		shares = MIN_SHARES;
	if (shares > MAX_SHARES)
		shares = MAX_SHARES;
	return 1 + (shares - 2) * 9999 / 262142;
}

static void plan_cpu(struct build *b, const struct oci_cpu *c)
{
	bool max = c->quota || c->period;

	if (c->has_idle)
		add(b, 0, "cpu.idle", "cpu.idle", "%" PRId64, c->idle);
	/* An idle group has no weight. */
	if (c->shares && !(c->has_idle && c->idle))
		add(b, 0, "cpu.shares", "cpu.weight", "%" PRIu64, oci_cpu_weight(c->shares));
	/* The kernel takes a burst up to the quota: whether the old or the new one allows it is not known here. */
	if (c->has_burst)
		add(b, max ? OCI_V2_RETRIED : 0, "cpu.burst", "cpu.max.burst", "%" PRIu64, c->burst);
	if (max && c->quota > 0)
		add(b, 0, "cpu.quota", "cpu.max", "%" PRId64 " %" PRIu64, c->quota,
		    c->period ? c->period : OCI_CPU_PERIOD);
	else if (max)
		add(b, 0, c->quota ? "cpu.quota" : "cpu.period", "cpu.max", "max %" PRIu64,
		    c->period ? c->period : OCI_CPU_PERIOD);
	if (c->has_burst && max)
		add(b, 0, "cpu.burst", "cpu.max.burst", "%" PRIu64, c->burst);
	if (c->cpus && *c->cpus)
		add(b, 0, "cpu.cpus", "cpuset.cpus", "%s", c->cpus);
	if (c->mems && *c->mems)
		add(b, 0, "cpu.mems", "cpuset.mems", "%s", c->mems);
}

/* ---- block devices ---- */

/* 10 to 1000 becomes 1 to 10000. */
unsigned int oci_io_weight(uint16_t weight)
{
	return 1 + (weight - 10u) * 9999u / 990u;
}

static void plan_throttle(struct build *b, const struct oci_io_device *d, size_t n, const char *key,
			  const char *word)
{
	for (size_t i = 0; i < n; i++) {
		char field[64], rate[32] = "max";

		snprintf(field, sizeof(field), "blockIO.%s[%zu]", key, i);
		if (d[i].rate)
			snprintf(rate, sizeof(rate), "%" PRIu64, d[i].rate);
		add(b, 0, field, "io.max", "%" PRId64 ":%" PRId64 " %s=%s", d[i].major, d[i].minor,
		    word, rate);
	}
}

static void plan_io(struct build *b, const struct oci_block_io *io)
{
	if (io->weight) {
		add(b, OCI_V2_OR_NEXT, "blockIO.weight", "io.bfq.weight", "%u",
		    (unsigned int)io->weight);
		add(b, 0, "blockIO.weight", "io.weight", "%u", oci_io_weight(io->weight));
	}
	for (size_t i = 0; i < io->n_weight_device; i++) {
		const struct oci_io_device *d = &io->weight_device[i];
		char field[64];

		if (!d->weight)
			continue;
		snprintf(field, sizeof(field), "blockIO.weightDevice[%zu]", i);
		add(b, OCI_V2_OR_NEXT, field, "io.bfq.weight", "%" PRId64 ":%" PRId64 " %u",
		    d->major, d->minor, (unsigned int)d->weight);
		add(b, 0, field, "io.weight", "%" PRId64 ":%" PRId64 " %u", d->major, d->minor,
		    oci_io_weight(d->weight));
	}
	plan_throttle(b, io->read_bps, io->n_read_bps, "throttleReadBpsDevice", "rbps");
	plan_throttle(b, io->write_bps, io->n_write_bps, "throttleWriteBpsDevice", "wbps");
	plan_throttle(b, io->read_iops, io->n_read_iops, "throttleReadIOPSDevice", "riops");
	plan_throttle(b, io->write_iops, io->n_write_iops, "throttleWriteIOPSDevice", "wiops");
}

/* ---- the rest ---- */

static void plan_hugepages(struct build *b, const struct oci_resources *r)
{
	for (size_t i = 0; i < r->n_hugepage_limits; i++) {
		const struct oci_hugepage_limit *h = &r->hugepage_limits[i];
		char field[64], file[64];

		snprintf(field, sizeof(field), "hugepageLimits[%zu]", i);
		snprintf(file, sizeof(file), "hugetlb.%.16s.max", h->page_size);
		add(b, 0, field, file, "%" PRIu64, h->limit);
		/* What is reserved but not touched yet counts against a limit of its own. */
		snprintf(file, sizeof(file), "hugetlb.%.16s.rsvd.max", h->page_size);
		add(b, OCI_V2_OPTIONAL, field, file, "%" PRIu64, h->limit);
	}
}

static void plan_rdma(struct build *b, const json_t *rdma)
{
	const char *device;
	json_t *limits;

	json_object_foreach((json_t *)rdma, device, limits) {
		_free_ char *field = str_printf("rdma.%s", device);
		char words[96] = "";
		uint64_t n;

		if (js_u64(json_object_get(limits, "hcaHandles"), &n) == 0)
			snprintf(words, sizeof(words), " hca_handle=%" PRIu64, n);
		if (js_u64(json_object_get(limits, "hcaObjects"), &n) == 0)
			snprintf(words + strlen(words), sizeof(words) - strlen(words),
				 " hca_object=%" PRIu64, n);
		if (*words)
			add(b, 0, field ? field : "rdma", "rdma.max", "%s%s", device, words);
	}
}

/* A file that takes one line a write gets them one by one. */
static void plan_unified(struct build *b, const json_t *unified)
{
	const char *file;
	json_t *value;

	json_object_foreach((json_t *)unified, file, value) {
		_free_ char *field = str_printf("unified.%s", file),
			    *copy = strdup(json_string_value(value));
		char *save = NULL, *line;

		b->failed |= !field || !copy;
		if (b->failed)
			return;
		if (!*copy)
			add(b, 0, field, file, "\n"); /* a write of nothing is none */
		for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			add(b, 0, field, file, "%s", line);
	}
}

int oci_v2_plan(const struct oci_resources *r, const char *path, struct oci_v2_plan *ret,
		struct err *err)
{
	struct build b = { .path = path };
	int e = 0;

	if (r && r->pids)
		add_limit(&b, 0, "pids.limit", "pids.max", r->pids->limit);
	if (r && r->memory)
		e = plan_memory(&b, r->memory, err);
	if (r && r->block_io)
		plan_io(&b, r->block_io);
	if (r && r->cpu)
		plan_cpu(&b, r->cpu);
	if (r)
		plan_hugepages(&b, r);
	if (r && r->rdma)
		plan_rdma(&b, r->rdma);
	/* Last: who names a file means what he writes. */
	if (r && r->unified)
		plan_unified(&b, r->unified);
	if (e >= 0 && b.failed)
		e = err_set(err, ENOMEM, "out of memory");
	if (e < 0) {
		oci_v2_plan_done(&b.plan);
		return e;
	}
	*ret = b.plan;
	return 0;
}
