/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to oci/ (and its tests): the field tables of config.json, one a
 * section. Who adds a member to a struct of oci/config.h adds its row here.
 * JS_NULLABLE stands on what is a slice, map or pointer in the
 * specification's Go types, which callers write as null when it is empty.
 */
#ifndef MOAT_OCI_CONFIG_FIELDS_H
#define MOAT_OCI_CONFIG_FIELDS_H

#include "base/json.h"
#include "oci/config.h"

#define FIELD(k, t, s, m) .key = (k), .type = (t), .offset = offsetof(struct s, m)
/* An array of objects: items in member m, their number in member n_<m>. */
#define LIST(k, s, m, elem, table)                                   \
	.key = (k), .type = JS_ARR, .offset = offsetof(struct s, m), \
	.offset2 = offsetof(struct s, n_##m), .size = sizeof(struct elem), .sub = (table)
/* An optional object behind a pointer. */
#define OBJECT(k, s, m, elem, table)                                                               \
	.key = (k), .type = JS_OBJP, .offset = offsetof(struct s, m), .size = sizeof(struct elem), \
	.sub = (table)
/* The flag that tells "absent" from zero. */
#define HAS(s, m) .offset_set = offsetof(struct s, m) + 1

extern const struct js_field oci_config_fields[];
extern const struct js_field oci_process_fields[];
extern const struct js_field oci_mount_fields[];
extern const struct js_field oci_id_map_fields[];
extern const struct js_field oci_hooks_fields[];
extern const struct js_field oci_linux_fields[];
extern const struct js_field oci_resources_fields[];
extern const struct js_field oci_seccomp_fields[];

/* What decoding leaves as the document has it and the other modules expect cleaned; 0 or -errno. */
int oci_mounts_normalise(struct oci_config *c, struct err *err);

/* Warnings: what is known but not applied, what is ignored and what is taken otherwise than written. warn may be NULL. */
void oci_warn_config(const struct oci_config *c, oci_warn_fn warn, void *data);
void oci_warn_process(const json_t *tree, const struct oci_process *p, oci_warn_fn warn, void *data);
/* False for what warnings.c knows as not applied (yet). value: of a row for one value only, else NULL. */
bool oci_is_applied(const char *path, const char *value);

#endif
