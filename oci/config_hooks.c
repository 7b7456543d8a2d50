/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config_fields.h"

static const struct js_field hook_fields[] = {
	{ FIELD("path", JS_STR, oci_hook, path), .flags = JS_REQUIRED | JS_NONEMPTY },
	{ FIELD("args", JS_STRV, oci_hook, args), .flags = JS_NULLABLE },
	{ FIELD("env", JS_STRV, oci_hook, env), .flags = JS_NULLABLE },
	{ FIELD("timeout", JS_I32, oci_hook, timeout), HAS(oci_hook, has_timeout),
	  .flags = JS_NULLABLE },
	{ .key = NULL },
};

const struct js_field oci_hooks_fields[] = {
	{ LIST("prestart", oci_hooks, prestart, oci_hook, hook_fields), .flags = JS_NULLABLE },
	{ LIST("createRuntime", oci_hooks, create_runtime, oci_hook, hook_fields),
	  .flags = JS_NULLABLE },
	{ LIST("createContainer", oci_hooks, create_container, oci_hook, hook_fields),
	  .flags = JS_NULLABLE },
	{ LIST("startContainer", oci_hooks, start_container, oci_hook, hook_fields),
	  .flags = JS_NULLABLE },
	{ LIST("poststart", oci_hooks, poststart, oci_hook, hook_fields), .flags = JS_NULLABLE },
	{ LIST("poststop", oci_hooks, poststop, oci_hook, hook_fields), .flags = JS_NULLABLE },
	{ .key = NULL },
};
