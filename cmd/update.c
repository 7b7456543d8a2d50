/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "cmd/command.h"

#define RESOURCES_MAX_BYTES ((size_t)1 << 20)

static struct {
	const char *resources, *blkio_weight, *cpu_burst, *cpu_idle, *cpu_period, *cpu_quota,
		*cpu_rt_period, *cpu_rt_runtime, *cpu_share, *cpuset_cpus, *cpuset_mems,
		*kernel_memory, *kernel_memory_tcp, *l3_cache_schema, *mem_bw_schema, *memory,
		*memory_reservation, *memory_swap, *pids_limit;
} opt;

static const struct option_row options[] = {
	{ "resources", 'r', OPT_STR, &opt.resources, "FILE",
	  "read linux.resources as JSON, from standard input if FILE is -; other options are ignored" },
	{ "blkio-weight", 0, OPT_STR, &opt.blkio_weight, "WEIGHT", "block I/O weight, 10 to 1000" },
	{ "cpu-burst", 0, OPT_STR, &opt.cpu_burst, "USECS",
	  "CPU time beyond the quota that may be saved up" },
	{ "cpu-idle", 0, OPT_STR, &opt.cpu_idle, "0|1", "run only when nothing else wants to" },
	{ "cpu-period", 0, OPT_STR, &opt.cpu_period, "USECS", "period of the CPU quota" },
	{ "cpu-quota", 0, OPT_STR, &opt.cpu_quota, "USECS", "CPU time in a period; -1: unlimited" },
	{ "cpu-rt-period", 0, OPT_STR, &opt.cpu_rt_period, "USECS",
	  "accepted; has no effect with cgroups of version 2" },
	{ "cpu-rt-runtime", 0, OPT_STR, &opt.cpu_rt_runtime, "USECS",
	  "accepted; has no effect with cgroups of version 2" },
	{ "cpu-share", 0, OPT_STR, &opt.cpu_share, "SHARES",
	  "CPU shares, relative to other containers" },
	{ "cpuset-cpus", 0, OPT_STR, &opt.cpuset_cpus, "LIST", "CPUs of the guest to use" },
	{ "cpuset-mems", 0, OPT_STR, &opt.cpuset_mems, "LIST", "memory nodes of the guest to use" },
	{ "kernel-memory", 0, OPT_STR, &opt.kernel_memory, "BYTES", "accepted; has no effect" },
	{ "kernel-memory-tcp", 0, OPT_STR, &opt.kernel_memory_tcp, "BYTES",
	  "accepted; has no effect" },
	{ "l3-cache-schema", 0, OPT_STR, &opt.l3_cache_schema, "SCHEMA",
	  "refused: guests have no Intel RDT" },
	{ "mem-bw-schema", 0, OPT_STR, &opt.mem_bw_schema, "SCHEMA",
	  "refused: guests have no Intel RDT" },
	{ "memory", 0, OPT_STR, &opt.memory, "BYTES", "memory limit; -1: unlimited" },
	{ "memory-reservation", 0, OPT_STR, &opt.memory_reservation, "BYTES",
	  "memory that is left to the container when it gets scarce" },
	{ "memory-swap", 0, OPT_STR, &opt.memory_swap, "BYTES",
	  "limit of memory and swap together; -1: unlimited" },
	{ "pids-limit", 0, OPT_STR, &opt.pids_limit, "N",
	  "number of processes and threads; -1: unlimited" },
	{},
};

/* ---- single values ---- */

enum kind { UNSIGNED, SIGNED, BYTES, LIST };

static const struct value {
	const char *option, *section, *key;
	enum kind kind;
	const char *const *text;
} values[] = {
	{ "blkio-weight", "blockIO", "weight", UNSIGNED, &opt.blkio_weight },
	{ "cpu-burst", "cpu", "burst", UNSIGNED, &opt.cpu_burst },
	{ "cpu-idle", "cpu", "idle", SIGNED, &opt.cpu_idle },
	{ "cpu-period", "cpu", "period", UNSIGNED, &opt.cpu_period },
	{ "cpu-quota", "cpu", "quota", SIGNED, &opt.cpu_quota },
	{ "cpu-rt-period", "cpu", "realtimePeriod", UNSIGNED, &opt.cpu_rt_period },
	{ "cpu-rt-runtime", "cpu", "realtimeRuntime", SIGNED, &opt.cpu_rt_runtime },
	{ "cpu-share", "cpu", "shares", UNSIGNED, &opt.cpu_share },
	{ "cpuset-cpus", "cpu", "cpus", LIST, &opt.cpuset_cpus },
	{ "cpuset-mems", "cpu", "mems", LIST, &opt.cpuset_mems },
	{ "kernel-memory", "memory", "kernel", BYTES, &opt.kernel_memory },
	{ "kernel-memory-tcp", "memory", "kernelTCP", BYTES, &opt.kernel_memory_tcp },
	{ "memory", "memory", "limit", BYTES, &opt.memory },
	{ "memory-reservation", "memory", "reservation", BYTES, &opt.memory_reservation },
	{ "memory-swap", "memory", "swap", BYTES, &opt.memory_swap },
	{ "pids-limit", "pids", "limit", SIGNED, &opt.pids_limit },
};

static int parse_value(const struct value *v, json_t **ret, struct err *err)
{
	const char *text = *v->text;
	uint64_t u = 0;
	int64_t i = 0;
	int r = 0;

	switch (v->kind) {
	case UNSIGNED:
		r = num_u64(text, 0, UINT64_MAX, &u);
		*ret = r < 0 ? NULL : js_new_u64(u);
		break;
	case SIGNED:
		r = num_i64(text, INT64_MIN, INT64_MAX, &i);
		*ret = r < 0 ? NULL : json_integer(i);
		break;
	case BYTES:
		if (strcmp(text, "-1") == 0)
			i = -1;
		else if (num_size(text, &i) < 0)
			return err_set(err, EINVAL, "invalid value for %s: invalid size: '%s'",
				       v->option, text);
		*ret = json_integer(i);
		break;
	case LIST:
		*ret = json_string(text);
		break;
	}
	if (r < 0)
		return err_set(err, EINVAL, "invalid value for %s: '%s' is not %s", v->option, text,
			       r == -ERANGE ? "in range" : "a number");
	return *ret ? 0 : err_set(err, EINVAL, "invalid value for %s", v->option);
}

static int resources_from_options(json_t *all, struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		const struct value *v = &values[i];
		json_t *section, *value = NULL;

		/* An empty one is unset, as for runc. */
		if (!*v->text || !**v->text)
			continue;
		r = parse_value(v, &value, err);
		if (r < 0)
			return r;
		section = json_object_get(all, v->section);
		if (!section) {
			section = json_object();
			json_object_set_new(all, v->section, section);
		}
		json_object_set_new(section, v->key, value);
	}
	if (opt.kernel_memory || opt.kernel_memory_tcp)
		log_warn("Kernel memory settings are ignored and will be removed");
	return 0;
}

/* ---- a document ---- */

static int read_document(int fd, struct buf *b, struct err *err)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read");
		buf_append(b, part, (size_t)n);
		if (!buf_ok(b))
			return err_errno(err, ENOMEM, "read");
		if (b->len > RESOURCES_MAX_BYTES)
			return err_set(err, EFBIG, "larger than %zu KiB", RESOURCES_MAX_BYTES >> 10);
	}
	return b->len ? 0 : err_set(err, ENODATA, "EOF");
}

static int resources_from_file(const char *file, json_t **ret, struct err *err)
{
	_close_ int opened = -EBADF;
	_buf_ struct buf b = {};
	bool std = strcmp(file, "-") == 0;
	int r;

	if (!std) {
		opened = open(file, O_RDONLY | O_CLOEXEC);
		if (opened < 0)
			return err_errno(err, errno, "open %s", file);
	}
	r = read_document(std ? STDIN_FILENO : opened, &b, err);
	if (r >= 0)
		r = js_parse(b.data, b.len, NULL, ret, err);
	if (r >= 0 && !json_is_object(*ret))
		r = err_set(err, EINVAL, "must be an object");
	return r < 0 ? err_wrap(err, "--resources") : 0;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	_json_ json_t *all = NULL;
	_free_ char *text = NULL;
	int r;

	if (opt.l3_cache_schema || opt.mem_bw_schema)
		return err_set(err, ENOTSUP,
			       "--l3-cache-schema and --mem-bw-schema: guests have no Intel RDT");
	if (opt.resources) {
		r = resources_from_file(opt.resources, &all, err);
	} else {
		all = json_object();
		r = all ? resources_from_options(all, err) : err_errno(err, ENOMEM, "update");
	}
	if (r < 0)
		return r;
	text = js_dump(all);
	return text ? moat_container_update(m, args[0], text, lib(err)) :
		      err_errno(err, ENOMEM, "update");
}

const struct command cmd_update = {
	.name = "update",
	.args = "<container-id>",
	.summary = "change the resource limits of a container",
	.description =
		"Limits are set in the guest, where the container is. What is not given stays as it is.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
