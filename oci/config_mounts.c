/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/config_fields.h"

const struct js_field oci_id_map_fields[] = {
	{ FIELD("containerID", JS_U32, oci_id_map, container_id) },
	{ FIELD("hostID", JS_U32, oci_id_map, host_id) },
	{ FIELD("size", JS_U32, oci_id_map, size) },
	{ .key = NULL },
};

const struct js_field oci_mount_fields[] = {
	{ FIELD("destination", JS_STR, oci_mount, destination), .flags = JS_REQUIRED | JS_NONEMPTY },
	{ FIELD("type", JS_STR, oci_mount, type) },
	{ FIELD("source", JS_STR, oci_mount, source) },
	{ FIELD("options", JS_STRV, oci_mount, options), .flags = JS_NULLABLE },
	{ LIST("uidMappings", oci_mount, uid_mappings, oci_id_map, oci_id_map_fields),
	  .flags = JS_NULLABLE },
	{ LIST("gidMappings", oci_mount, gid_mappings, oci_id_map, oci_id_map_fields),
	  .flags = JS_NULLABLE },
	{ .key = NULL },
};

/* Destinations become absolute and lexically clean: a ".." never leaves the container's root, as in runc. */
static int clean_destination(struct oci_mount *m)
{
	_free_ char *joined = path_join("/", m->destination);
	char *clean = joined ? path_clean(joined) : NULL;

	if (!clean)
		return -ENOMEM;
	free(m->destination);
	m->destination = clean;
	return 0;
}

int oci_mounts_normalise(struct oci_config *c, struct err *err)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct oci_mount *m = &c->mounts[i];

		if (!m->options)
			m->options = strv_copy(NULL);
		if (!m->options || clean_destination(m) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

bool oci_mount_is_bind(const struct oci_mount *m)
{
	if (m->type && !strcmp(m->type, "bind"))
		return true;
	for (size_t i = 0; m->options[i]; i++)
		if (!strcmp(m->options[i], "bind") || !strcmp(m->options[i], "rbind"))
			return true;
	return false;
}
