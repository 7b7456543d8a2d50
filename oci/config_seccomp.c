/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config_fields.h"

#define NO_LISTENER "a listener on the host cannot look into a VM's processes"

static const struct js_field arg_fields[] = {
	{ FIELD("index", JS_U32, oci_seccomp_arg, index), .flags = JS_REQUIRED },
	{ FIELD("value", JS_U64, oci_seccomp_arg, value), .flags = JS_REQUIRED },
	{ FIELD("valueTwo", JS_U64, oci_seccomp_arg, value_two) },
	{ FIELD("op", JS_STR, oci_seccomp_arg, op), .flags = JS_REQUIRED },
	{ .key = NULL },
};

static const struct js_field syscall_fields[] = {
	{ FIELD("names", JS_STRV, oci_syscall, names), .flags = JS_REQUIRED | JS_NONEMPTY },
	{ FIELD("action", JS_STR, oci_syscall, action), .flags = JS_REQUIRED },
	{ FIELD("errnoRet", JS_U32, oci_syscall, errno_ret), HAS(oci_syscall, has_errno_ret),
	  .flags = JS_NULLABLE },
	{ LIST("args", oci_syscall, args, oci_seccomp_arg, arg_fields), .flags = JS_NULLABLE },
	{ .key = NULL },
};

const struct js_field oci_seccomp_fields[] = {
	{ FIELD("defaultAction", JS_STR, oci_seccomp, default_action), .flags = JS_REQUIRED },
	{ FIELD("defaultErrnoRet", JS_U32, oci_seccomp, default_errno_ret),
	  HAS(oci_seccomp, has_default_errno_ret), .flags = JS_NULLABLE },
	{ FIELD("architectures", JS_STRV, oci_seccomp, architectures), .flags = JS_NULLABLE },
	{ FIELD("flags", JS_STRV, oci_seccomp, flags), .flags = JS_NULLABLE },
	{ FIELD("listenerPath", JS_STR, oci_seccomp, listener_path),
	  .flags = JS_NULLABLE | JS_REFUSE, .why = NO_LISTENER },
	{ FIELD("listenerMetadata", JS_STR, oci_seccomp, listener_metadata),
	  .flags = JS_NULLABLE | JS_REFUSE, .why = NO_LISTENER },
	{ LIST("syscalls", oci_seccomp, syscalls, oci_syscall, syscall_fields),
	  .flags = JS_NULLABLE },
	{ .key = NULL },
};
