/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources: field tables and what can be judged of a value alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/config_fields.h"
#include "oci/resources.h"

/* ---- checks ---- */

static int check_limit(const void *field, const char *path, struct err *err)
{
	if (*(const int64_t *)field < -1)
		return err_set(err, EINVAL, "%s must be -1 (unlimited) or more", path);
	return 0;
}

static int check_idle(const void *field, const char *path, struct err *err)
{
	if (*(const int64_t *)field < 0 || *(const int64_t *)field > 1)
		return err_set(err, EINVAL, "%s must be 0 or 1", path);
	return 0;
}

static int check_weight(const void *field, const char *path, struct err *err)
{
	uint16_t w = *(const uint16_t *)field;

	if (w && (w < 10 || w > 1000))
		return err_set(err, EINVAL, "%s must be from 10 to 1000, or 0 for unset", path);
	return 0;
}

static int check_device_number(const void *field, const char *path, struct err *err)
{
	if (*(const int64_t *)field < 0 || *(const int64_t *)field > UINT32_MAX)
		return err_set(err, EINVAL, "%s is out of range", path);
	return 0;
}

/* The kernel judges the rest; nothing else may get into its file. */
static int check_list(const void *field, const char *path, struct err *err)
{
	const char *s = *(char *const *)field;

	if (s[strspn(s, "0123456789,-")])
		return err_set(err, EINVAL, "%s: \"%s\" is not a list such as 0-3,7", path, s);
	return 0;
}

static int check_page_size(const void *field, const char *path, struct err *err)
{
	const char *s = *(char *const *)field;
	size_t n = strspn(s, "0123456789");

	if (!n || n > 6 || *s == '0' || !strchr("KMG", s[n]) || !s[n] || strcmp(s + n + 1, "B") != 0)
		return err_set(err, EINVAL, "%s: \"%s\" is not a size such as 2MB", path, s);
	return 0;
}

/* ---- rdma and unified: objects whose keys are names ---- */

/* What becomes a word of a control file must be one. */
static bool is_word(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

static int check_rdma(const void *field, const char *path, struct err *err)
{
	static const char *const members[] = { "hcaHandles", "hcaObjects" };
	const json_t *rdma = *(json_t *const *)field, *limits;
	const char *device;
	uint64_t v;

	if (!json_is_object(rdma) || js_is_int(rdma))
		return err_set(err, EINVAL, "%s must be an object", path);
	json_object_foreach((json_t *)rdma, device, limits) {
		if (!is_word(device))
			return err_set(err, EINVAL, "%s: \"%s\" is not a device's name", path,
				       device);
		if (!json_is_object(limits) || js_is_int(limits))
			return err_set(err, EINVAL, "%s.%s must be an object", path, device);
		for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
			const json_t *n = json_object_get(limits, members[i]);

			if (n && !json_is_null(n) && (js_u64(n, &v) < 0 || v > UINT32_MAX))
				return err_set(err, EINVAL, "%s.%s.%s must be from 0 to %u", path,
					       device, members[i], UINT32_MAX);
		}
	}
	return 0;
}

/* What the runtime itself does with the group: a value here would work against it. */
static bool is_reserved(const char *file)
{
	static const char *const names[] = { "cgroup.procs",    "cgroup.threads",
					     "cgroup.kill",     "cgroup.freeze",
					     "cgroup.type",     "cgroup.subtree_control",
					     "cgroup.events",   "cgroup.controllers",
					     "cgroup.max.depth" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], file))
			return true;
	return false;
}

static int check_unified(const void *field, const char *path, struct err *err)
{
	const json_t *unified = *(json_t *const *)field, *value;
	const char *file;

	json_object_foreach((json_t *)unified, file, value) {
		const char *dot = strchr(file, '.');

		if (strchr(file, '/'))
			return err_set(err, EINVAL,
				       "%s: unified resource \"%s\" must be a file name (no slashes)",
				       path, file);
		if (!dot || dot == file || !dot[1] || !is_word(file))
			return err_set(
				err, EINVAL,
				"%s: unified resource \"%s\" must be in the form CONTROLLER.PARAMETER",
				path, file);
		if (is_reserved(file))
			return err_set(err, EINVAL,
				       "%s: unified resource \"%s\" is the runtime's own", path,
				       file);
	}
	return 0;
}

/* ---- tables ---- */

static const struct js_field cpu_fields[] = {
	{ FIELD("shares", JS_U64, oci_cpu, shares), .flags = JS_NULLABLE },
	{ FIELD("quota", JS_I64, oci_cpu, quota), .flags = JS_NULLABLE, .check = check_limit },
	{ FIELD("period", JS_U64, oci_cpu, period), .flags = JS_NULLABLE },
	{ FIELD("burst", JS_U64, oci_cpu, burst), HAS(oci_cpu, has_burst), .flags = JS_NULLABLE },
	{ FIELD("idle", JS_I64, oci_cpu, idle), HAS(oci_cpu, has_idle), .flags = JS_NULLABLE,
	  .check = check_idle },
	{ FIELD("realtimeRuntime", JS_I64, oci_cpu, realtime_runtime), .flags = JS_NULLABLE },
	{ FIELD("realtimePeriod", JS_U64, oci_cpu, realtime_period), .flags = JS_NULLABLE },
	{ FIELD("cpus", JS_STR, oci_cpu, cpus), .flags = JS_NULLABLE, .check = check_list },
	{ FIELD("mems", JS_STR, oci_cpu, mems), .flags = JS_NULLABLE, .check = check_list },
	{ .key = NULL },
};

static const struct js_field memory_fields[] = {
	{ FIELD("limit", JS_I64, oci_memory, limit), .flags = JS_NULLABLE, .check = check_limit },
	{ FIELD("reservation", JS_I64, oci_memory, reservation), .flags = JS_NULLABLE,
	  .check = check_limit },
	{ FIELD("swap", JS_I64, oci_memory, swap), .flags = JS_NULLABLE, .check = check_limit },
	{ FIELD("kernel", JS_I64, oci_memory, kernel), .flags = JS_NULLABLE },
	{ FIELD("kernelTCP", JS_I64, oci_memory, kernel_tcp), .flags = JS_NULLABLE },
	{ FIELD("swappiness", JS_U64, oci_memory, swappiness), .flags = JS_NULLABLE },
	{ FIELD("disableOOMKiller", JS_BOOL, oci_memory, disable_oom_killer), .flags = JS_NULLABLE },
	{ FIELD("useHierarchy", JS_BOOL, oci_memory, use_hierarchy), .flags = JS_NULLABLE },
	{ FIELD("checkBeforeUpdate", JS_BOOL, oci_memory, check_before_update),
	  .flags = JS_NULLABLE },
	{ .key = NULL },
};

static const struct js_field pids_fields[] = {
	{ FIELD("limit", JS_I64, oci_pids, limit), .flags = JS_NULLABLE, .check = check_limit },
	{ .key = NULL },
};

#define DEVICE                                                                             \
	{ FIELD("major", JS_I64, oci_io_device, major), .flags = JS_REQUIRED,              \
	  .check = check_device_number },                                                  \
	{                                                                                  \
		FIELD("minor", JS_I64, oci_io_device, minor), .flags = JS_REQUIRED,        \
							      .check = check_device_number \
	}

static const struct js_field weight_device_fields[] = {
	DEVICE,
	{ FIELD("weight", JS_U16, oci_io_device, weight), .flags = JS_NULLABLE,
	  .check = check_weight },
	{ FIELD("leafWeight", JS_U16, oci_io_device, leaf_weight), .flags = JS_NULLABLE },
	{ .key = NULL },
};

static const struct js_field throttle_fields[] = {
	DEVICE,
	{ FIELD("rate", JS_U64, oci_io_device, rate) },
	{ .key = NULL },
};

#define DEVICES(k, m, table)                                                         \
	{                                                                            \
		LIST(k, oci_block_io, m, oci_io_device, table), .flags = JS_NULLABLE \
	}

static const struct js_field block_io_fields[] = {
	{ FIELD("weight", JS_U16, oci_block_io, weight), .flags = JS_NULLABLE,
	  .check = check_weight },
	{ FIELD("leafWeight", JS_U16, oci_block_io, leaf_weight), .flags = JS_NULLABLE },
	DEVICES("weightDevice", weight_device, weight_device_fields),
	DEVICES("throttleReadBpsDevice", read_bps, throttle_fields),
	DEVICES("throttleWriteBpsDevice", write_bps, throttle_fields),
	DEVICES("throttleReadIOPSDevice", read_iops, throttle_fields),
	DEVICES("throttleWriteIOPSDevice", write_iops, throttle_fields),
	{ .key = NULL },
};

static const struct js_field hugepage_fields[] = {
	{ FIELD("pageSize", JS_STR, oci_hugepage_limit, page_size), .flags = JS_REQUIRED,
	  .check = check_page_size },
	{ FIELD("limit", JS_U64, oci_hugepage_limit, limit), .flags = JS_REQUIRED },
	{ .key = NULL },
};

/* "devices" is the device filter's, "network" belongs to version 1. */
const struct js_field oci_resources_fields[] = {
	{ OBJECT("cpu", oci_resources, cpu, oci_cpu, cpu_fields), .flags = JS_NULLABLE },
	{ OBJECT("memory", oci_resources, memory, oci_memory, memory_fields), .flags = JS_NULLABLE },
	{ OBJECT("pids", oci_resources, pids, oci_pids, pids_fields), .flags = JS_NULLABLE },
	{ OBJECT("blockIO", oci_resources, block_io, oci_block_io, block_io_fields),
	  .flags = JS_NULLABLE },
	{ LIST("hugepageLimits", oci_resources, hugepage_limits, oci_hugepage_limit, hugepage_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("rdma", JS_ANY, oci_resources, rdma), .flags = JS_NULLABLE, .check = check_rdma },
	{ FIELD("unified", JS_MAP, oci_resources, unified), .flags = JS_NULLABLE,
	  .check = check_unified },
	{ .key = NULL },
};

void oci_resources_free(struct oci_resources *r)
{
	if (!r)
		return;
	js_free_fields(oci_resources_fields, r);
	free(r);
}

void oci_resources_freep(struct oci_resources **r)
{
	oci_resources_free(*r);
	*r = NULL;
}

int oci_resources_from_json(const json_t *tree, const char *path, struct oci_resources **ret,
			    struct err *err)
{
	_cleanup_(oci_resources_freep) struct oci_resources *res = calloc(1, sizeof(*res));
	struct js_ctx ctx = { .err = err };
	int r;

	if (!res)
		return err_set(err, ENOMEM, "out of memory");
	r = js_decode(tree, oci_resources_fields, res, path, &ctx);
	if (r < 0)
		return r;
	*ret = take_ptr(res);
	return 0;
}
