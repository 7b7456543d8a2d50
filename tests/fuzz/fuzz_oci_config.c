/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as bytes: parse, check, warn, and what callers do first with an accepted one. */
#include <stddef.h>
#include <stdint.h>

#include "oci/config.h"
#include "oci/mount_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *data, const char *msg)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_config *c = NULL;
	struct oci_process *p = NULL;
	struct err err = { 0 };

	if (oci_config_parse((const char *)data, size, ignore, NULL, &c, &err) < 0)
		return 0;
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct oci_mount_flags f = { 0 };

		oci_mount_is_bind(&c->mounts[i]);
		if (oci_mount_flags_parse(c->mounts[i].options, &f, &err) == 0)
			oci_mount_flags_done(&f);
	}
	if (oci_process_from_json(json_object_get(c->tree, "process"), ignore, NULL, &p, &err) == 0)
		oci_process_free(p);
	oci_config_free(c);
	return 0;
}
