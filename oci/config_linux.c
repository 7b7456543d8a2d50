/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "oci/config_fields.h"

/* For members that are kept as a tree: at least they are objects. */
static int check_object(const void *field, const char *path, struct err *err)
{
	const json_t *v = *(json_t *const *)field;

	if (v && (!json_is_object(v) || js_is_int(v)))
		return err_set(err, EINVAL, "%s must be an object", path);
	return 0;
}

#define TREE(k, m) FIELD(k, JS_ANY, oci_linux, m), .flags = JS_NULLABLE, .check = check_object

static const struct js_field namespace_fields[] = {
	{ FIELD("type", JS_STR, oci_namespace, type), .flags = JS_REQUIRED },
	{ FIELD("path", JS_STR, oci_namespace, path) },
	{ .key = NULL },
};

static const struct js_field device_fields[] = {
	{ FIELD("type", JS_STR, oci_device, type), .flags = JS_REQUIRED },
	{ FIELD("path", JS_STR, oci_device, path), .flags = JS_REQUIRED },
	{ FIELD("major", JS_I64, oci_device, major) },
	{ FIELD("minor", JS_I64, oci_device, minor) },
	{ FIELD("fileMode", JS_U32, oci_device, file_mode), HAS(oci_device, has_file_mode),
	  .flags = JS_NULLABLE },
	{ FIELD("uid", JS_U32, oci_device, uid), HAS(oci_device, has_uid), .flags = JS_NULLABLE },
	{ FIELD("gid", JS_U32, oci_device, gid), HAS(oci_device, has_gid), .flags = JS_NULLABLE },
	{ .key = NULL },
};

static const struct js_field personality_fields[] = {
	{ FIELD("domain", JS_STR, oci_personality, domain), .flags = JS_REQUIRED },
	{ FIELD("flags", JS_STRV, oci_personality, flags), .flags = JS_NULLABLE | JS_REFUSE,
	  .why = "no flag is defined" },
	{ .key = NULL },
};

static const struct js_field time_offset_fields[] = {
	{ FIELD("secs", JS_I64, oci_time_offset, secs) },
	{ FIELD("nanosecs", JS_U32, oci_time_offset, nanosecs) },
	{ .key = NULL },
};

static const struct js_field time_offsets_fields[] = {
	{ FIELD("monotonic", JS_OBJ, oci_time_offsets, monotonic), .sub = time_offset_fields },
	{ FIELD("boottime", JS_OBJ, oci_time_offsets, boottime), .sub = time_offset_fields },
	{ .key = NULL },
};

const struct js_field oci_linux_fields[] = {
	{ LIST("uidMappings", oci_linux, uid_mappings, oci_id_map, oci_id_map_fields),
	  .flags = JS_NULLABLE },
	{ LIST("gidMappings", oci_linux, gid_mappings, oci_id_map, oci_id_map_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("sysctl", JS_MAP, oci_linux, sysctl), .flags = JS_NULLABLE },
	{ TREE("resources", resources) },
	{ OBJECT("resources", oci_linux, limits, oci_resources, oci_resources_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("cgroupsPath", JS_STR, oci_linux, cgroups_path) },
	{ LIST("namespaces", oci_linux, namespaces, oci_namespace, namespace_fields),
	  .flags = JS_NULLABLE },
	{ LIST("devices", oci_linux, devices, oci_device, device_fields), .flags = JS_NULLABLE },
	{ OBJECT("seccomp", oci_linux, seccomp, oci_seccomp, oci_seccomp_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("rootfsPropagation", JS_STR, oci_linux, rootfs_propagation) },
	{ FIELD("maskedPaths", JS_STRV, oci_linux, masked_paths), .flags = JS_NULLABLE },
	{ FIELD("readonlyPaths", JS_STRV, oci_linux, readonly_paths), .flags = JS_NULLABLE },
	{ FIELD("mountLabel", JS_STR, oci_linux, mount_label) },
	{ TREE("intelRdt", intel_rdt) },
	{ OBJECT("personality", oci_linux, personality, oci_personality, personality_fields),
	  .flags = JS_NULLABLE },
	{ OBJECT("timeOffsets", oci_linux, time_offsets, oci_time_offsets, time_offsets_fields),
	  .flags = JS_NULLABLE },
	{ .key = NULL },
};
