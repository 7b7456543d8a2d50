/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/config_fields.h"
#include "oci/validate.h"

static const struct js_field console_size_fields[] = {
	{ FIELD("height", JS_U32, oci_console_size, height) },
	{ FIELD("width", JS_U32, oci_console_size, width) },
	{ .key = NULL },
};

static const struct js_field user_fields[] = {
	{ FIELD("uid", JS_U32, oci_user, uid) },
	{ FIELD("gid", JS_U32, oci_user, gid) },
	{ FIELD("umask", JS_U32, oci_user, umask), HAS(oci_user, has_umask), .flags = JS_NULLABLE },
	{ FIELD("additionalGids", JS_U32ARR, oci_user, additional_gids),
	  .offset2 = offsetof(struct oci_user, n_additional_gids), .flags = JS_NULLABLE },
	{ FIELD("username", JS_STR, oci_user, username) },
	{ .key = NULL },
};

static const struct js_field rlimit_fields[] = {
	{ FIELD("type", JS_STR, oci_rlimit, type), .flags = JS_REQUIRED },
	{ FIELD("soft", JS_U64, oci_rlimit, soft), .flags = JS_REQUIRED },
	{ FIELD("hard", JS_U64, oci_rlimit, hard), .flags = JS_REQUIRED },
	{ .key = NULL },
};

static const struct js_field caps_fields[] = {
	{ FIELD("bounding", JS_STRV, oci_caps, bounding), .flags = JS_NULLABLE },
	{ FIELD("effective", JS_STRV, oci_caps, effective), .flags = JS_NULLABLE },
	{ FIELD("inheritable", JS_STRV, oci_caps, inheritable), .flags = JS_NULLABLE },
	{ FIELD("permitted", JS_STRV, oci_caps, permitted), .flags = JS_NULLABLE },
	{ FIELD("ambient", JS_STRV, oci_caps, ambient), .flags = JS_NULLABLE },
	{ .key = NULL },
};

static const struct js_field scheduler_fields[] = {
	{ FIELD("policy", JS_STR, oci_scheduler, policy) },
	{ FIELD("nice", JS_I32, oci_scheduler, nice) },
	{ FIELD("priority", JS_I32, oci_scheduler, priority) },
	{ FIELD("flags", JS_STRV, oci_scheduler, flags), .flags = JS_NULLABLE },
	{ FIELD("runtime", JS_U64, oci_scheduler, runtime) },
	{ FIELD("deadline", JS_U64, oci_scheduler, deadline) },
	{ FIELD("period", JS_U64, oci_scheduler, period) },
	{ .key = NULL },
};

static const struct js_field io_priority_fields[] = {
	{ FIELD("class", JS_STR, oci_io_priority, class_) },
	{ FIELD("priority", JS_I32, oci_io_priority, priority) },
	{ .key = NULL },
};

static const struct js_field cpu_affinity_fields[] = {
	{ FIELD("initial", JS_STR, oci_cpu_affinity, initial) },
	{ FIELD("final", JS_STR, oci_cpu_affinity, final) },
	{ .key = NULL },
};

const struct js_field oci_process_fields[] = {
	{ FIELD("terminal", JS_BOOL, oci_process, terminal) },
	{ OBJECT("consoleSize", oci_process, console_size, oci_console_size, console_size_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("user", JS_OBJ, oci_process, user), .sub = user_fields },
	{ FIELD("args", JS_STRV, oci_process, args), .flags = JS_REQUIRED | JS_NONEMPTY },
	{ FIELD("env", JS_STRV, oci_process, env), .flags = JS_NULLABLE },
	{ FIELD("cwd", JS_STR, oci_process, cwd), .flags = JS_REQUIRED },
	{ LIST("rlimits", oci_process, rlimits, oci_rlimit, rlimit_fields), .flags = JS_NULLABLE },
	{ OBJECT("capabilities", oci_process, capabilities, oci_caps, caps_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("noNewPrivileges", JS_BOOL, oci_process, no_new_privileges) },
	{ FIELD("oomScoreAdj", JS_I32, oci_process, oom_score_adj),
	  HAS(oci_process, has_oom_score_adj), .flags = JS_NULLABLE },
	{ FIELD("apparmorProfile", JS_STR, oci_process, apparmor_profile) },
	{ FIELD("selinuxLabel", JS_STR, oci_process, selinux_label) },
	{ OBJECT("scheduler", oci_process, scheduler, oci_scheduler, scheduler_fields),
	  .flags = JS_NULLABLE },
	{ OBJECT("ioPriority", oci_process, io_priority, oci_io_priority, io_priority_fields),
	  .flags = JS_NULLABLE },
	{ OBJECT("execCPUAffinity", oci_process, exec_cpu_affinity, oci_cpu_affinity,
		 cpu_affinity_fields),
	  .flags = JS_NULLABLE },
	{ .key = NULL },
};

void oci_process_free(struct oci_process *p)
{
	if (!p)
		return;
	js_free_fields(oci_process_fields, p);
	free(p);
}

void oci_process_freep(struct oci_process **p)
{
	oci_process_free(*p);
	*p = NULL;
}

int oci_process_from_json(const json_t *tree, oci_warn_fn warn, void *data,
			  struct oci_process **ret, struct err *err)
{
	_cleanup_(oci_process_freep) struct oci_process *p = NULL;
	struct js_ctx ctx = { .err = err };
	int r;

	if (!json_is_object(tree))
		return err_set(err, EINVAL, "process must be an object");
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, ENOMEM, "out of memory");
	r = js_decode(tree, oci_process_fields, p, "process", &ctx);
	if (r < 0)
		return r;
	r = oci_process_validate(p, "process", err);
	if (r < 0)
		return r;
	oci_warn_process(tree, p, warn, data);
	*ret = take_ptr(p);
	return 0;
}
