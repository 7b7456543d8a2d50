/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/sizing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "base/str.h"

#define MIB ((uint64_t)1 << 20)
#define UNLIMITED \
	((uint64_t)1 << 62) /* bytes: callers write LLONG_MAX, whole pages of it, or UINT64_MAX */
#define CPUS_MOST 8192 /* of Linux on x86 */
#define MILLI_MOST ((uint64_t)CPUS_MOST * 1000)
#define CRI "io.kubernetes.cri.sandbox-"

int sizing_host(struct sizing_host *ret, struct err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct sysinfo si;

	if (sysinfo(&si) < 0 || cpus < 1)
		return err_errno(err, errno ? errno : EIO,
				 "look at the host's memory and processors");
	ret->memory = (uint64_t)si.totalram * si.mem_unit / MIB;
	ret->cpus = (uint32_t)cpus;
	return 0;
}

/* ---- memory ---- */

/* Bytes of a limit, added to *sum in MiB. */
static int add_memory(uint64_t bytes, const char *field, const struct sizing_host *host,
		      uint64_t *sum, struct err *err)
{
	uint64_t mib = bytes / MIB + (bytes % MIB != 0);

	if (bytes >= UNLIMITED)
		return 0;
	if (mib > host->memory)
		return err_set(err, ERANGE,
			       "%s: %" PRIu64 " MiB are more than the host's %" PRIu64 " MiB",
			       field, mib, host->memory);
	*sum += mib;
	return 0;
}

static int add_limits(const struct oci_resources *r, const char *path,
		      const struct sizing_host *host, uint64_t *sum, struct err *err)
{
	char field[256];
	int e = 0;

	snprintf(field, sizeof(field), "%s.memory.limit", path);
	if (r->memory && r->memory->limit > 0)
		e = add_memory((uint64_t)r->memory->limit, field, host, sum, err);
	for (size_t i = 0; e >= 0 && i < r->n_hugepage_limits; i++) {
		snprintf(field, sizeof(field), "%s.hugepageLimits[%zu]", path, i);
		e = add_memory(r->hugepage_limits[i].limit, field, host, sum, err);
	}
	return e;
}

/* ---- processors ---- */

/* Thousandths of a processor, rounded up. */
static uint64_t quota_milli(uint64_t quota, uint64_t period)
{
	if (quota / period >= CPUS_MOST)
		return MILLI_MOST;
	/* Below: quota < 8192 * period, and period fits into 32 bits wherever a kernel takes it. */
	if (period > UINT32_MAX)
		return 1000;
	return (quota * 1000 + period - 1) / period;
}

/* "0-3,7": calls one() with each range. -EINVAL: no such list. */
static int each_range(const char *list, void (*one)(uint32_t from, uint32_t to, void *data),
		      void *data)
{
	_free_ char *copy = strdup(list);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *p = strtok_r(copy, ", \n", &save); p; p = strtok_r(NULL, ", \n", &save)) {
		char *dash = strchr(p, '-');
		uint32_t from, to;

		if (dash)
			*dash++ = '\0';
		if (num_u32(p, 0, UINT32_MAX - 1, &from) < 0 ||
		    num_u32(dash ? dash : p, from, UINT32_MAX - 1, &to) < 0)
			return -EINVAL;
		one(from, to, data);
	}
	return 0;
}

struct cpuset {
	uint8_t there[CPUS_MOST / 8];
	uint32_t last; /* the highest number */
};

static void add_range(uint32_t from, uint32_t to, void *data)
{
	struct cpuset *s = data;

	if (to > s->last)
		s->last = to;
	for (uint32_t i = from; i <= to && i < CPUS_MOST; i++)
		s->there[i / 8] |= (uint8_t)(1u << i % 8);
}

static uint32_t count(const struct cpuset *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(s->there); i++)
		n += (uint32_t)__builtin_popcount(s->there[i]);
	return n;
}

static int count_cpuset(const char *cpus, const char *path, const struct sizing_host *host,
			uint32_t *ret, struct err *err)
{
	struct cpuset set = { .last = 0 };
	int r = each_range(cpus, add_range, &set);

	if (r == -ENOMEM)
		return err_errno(err, ENOMEM, "%s.cpu.cpus", path);
	if (r < 0)
		return err_set(err, EINVAL, "%s.cpu.cpus: '%s' is no list of processors", path,
			       cpus);
	if (set.last >= host->cpus)
		return err_set(err, ERANGE,
			       "%s.cpu.cpus: there is no processor %u: the host's are 0 to %u",
			       path, set.last, host->cpus - 1);
	*ret = count(&set);
	return 0;
}

static int add_cpus(const struct oci_cpu *c, const char *path, const struct sizing_host *host,
		    uint64_t *ret, struct err *err)
{
	uint64_t milli = 0, set;
	uint32_t n = 0;
	int r;

	if (c->quota > 0)
		milli = quota_milli((uint64_t)c->quota, c->period ? c->period : OCI_CPU_PERIOD);
	if (c->cpus && *c->cpus) {
		r = count_cpuset(c->cpus, path, host, &n, err);
		if (r < 0)
			return r;
		set = (uint64_t)n * 1000;
		milli = milli && milli < set ? milli : set;
	}
	*ret = milli;
	return 0;
}

int sizing_demand(const struct oci_resources *r, const char *path, const struct sizing_host *host,
		  struct hv_demand *ret, struct err *err)
{
	struct hv_demand d = {};
	int e = 0;

	if (r && r->cpu)
		e = add_cpus(r->cpu, path, host, &d.cpus, err);
	if (r && e >= 0)
		e = add_limits(r, path, host, &d.memory, err);
	if (e >= 0)
		*ret = d;
	return e;
}

/* 0: not given, or no limit. */
static int annotation(const json_t *all, const char *key, uint64_t *ret, struct err *err)
{
	const char *text = js_get_str(all, key);
	int64_t v = 0;

	if (text && num_i64(text, INT64_MIN, INT64_MAX, &v) < 0)
		return err_set(err, EINVAL, "annotations[\"%s\"]: '%s' is not a number", key, text);
	*ret = v > 0 ? (uint64_t)v : 0;
	return 0;
}

int sizing_pod(const json_t *annotations, const struct sizing_host *host, struct hv_demand *ret,
	       struct err *err)
{
	uint64_t quota, period, memory;
	struct hv_demand d = {};
	int r;

	r = annotation(annotations, CRI "cpu-quota", &quota, err);
	if (r >= 0)
		r = annotation(annotations, CRI "cpu-period", &period, err);
	if (r >= 0)
		r = annotation(annotations, CRI "memory", &memory, err);
	if (r >= 0)
		r = add_memory(memory, "annotations[\"" CRI "memory\"]", host, &d.memory, err);
	if (r < 0)
		return r;
	if (quota)
		d.cpus = quota_milli(quota, period ? period : OCI_CPU_PERIOD);
	*ret = d;
	return 0;
}

json_t *sizing_params(const char *id, const struct hv_demand *own, const struct hv_demand *pod)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "id", id, "memory", (json_int_t)own->memory,
			 "cpus", (json_int_t)own->cpus, "pod_memory", (json_int_t)pod->memory,
			 "pod_cpus", (json_int_t)pod->cpus);
}

int sizing_result(const json_t *result, uint32_t *ret_vcpus, uint32_t *ret_memory, struct err *err)
{
	int64_t n = js_get_int(result, "vcpus", 0), memory = js_get_int(result, "memory", 0);

	if (n < 1 || n > UINT16_MAX)
		return err_set(err, EPROTO, "resize: no number of processors");
	if (memory < 1 || memory > UINT32_MAX)
		return err_set(err, EPROTO, "resize: no memory");
	*ret_vcpus = (uint32_t)n;
	*ret_memory = (uint32_t)memory;
	return 0;
}

char *sizing_cpuset(const char *cpus, uint32_t vcpus)
{
	struct cpuset set = { .last = 0 };
	uint32_t n;

	if (vcpus == 0 || each_range(cpus, add_range, &set) < 0 || set.last < vcpus)
		return strdup(cpus);
	n = count(&set);
	if (n > vcpus)
		n = vcpus;
	return n <= 1 ? strdup("0") : str_printf("0-%u", n - 1);
}

json_t *sizing_guest_resources(const json_t *resources, uint32_t vcpus)
{
	json_t *copy = json_copy((json_t *)resources),
	       *cpu = json_copy(json_object_get(resources, "cpu"));
	const char *cpus = js_get_str(cpu, "cpus");
	_free_ char *mapped = NULL;

	if (!cpus || !*cpus || vcpus == 0) {
		json_decref(cpu);
		return copy;
	}
	mapped = sizing_cpuset(cpus, vcpus);
	json_object_set_new(cpu, "cpus", mapped ? json_string(mapped) : NULL);
	json_object_set_new(copy, "cpu", cpu);
	return copy;
}
