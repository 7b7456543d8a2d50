/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as bytes: parse, check, warn, and what callers do first with an accepted one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "oci/config.h"
#include "oci/mount_options.h"
#include "oci/seccomp.h"

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
	if (c->linux_->seccomp) {
		struct oci_seccomp_program program, again;

		if (oci_seccomp_compile(c->linux_->seccomp, ignore, NULL, &program, &err) == 0) {
			json_t *tree = oci_seccomp_program_to_json(&program);

			if (oci_seccomp_program_from_json(tree, &again, &err) < 0)
				abort();
			oci_seccomp_program_done(&again);
			oci_seccomp_program_done(&program);
			json_decref(tree);
		}
	}
	if (oci_process_from_json(json_object_get(c->tree, "process"), ignore, NULL, &p, &err) == 0)
		oci_process_free(p);
	oci_config_free(c);
	return 0;
}
