/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: any bytes are refused with a message or give a usable struct. */
#include <assert.h>
#include <string.h>

#include "config/config.h"
#include "config/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct toml t = { 0 };
	struct moat_config c = { 0 };

	if (toml_parse("fuzz", (const char *)data, size, &t, &err) < 0) {
		assert(err.code && strncmp(err.msg, "fuzz:", 5) == 0);
		return 0;
	}
	assert(json_is_object(t.root) && json_is_object(t.lines));
	toml_done(&t);
	if (config_parse("fuzz", (const char *)data, size, &c, &err) < 0)
		assert(err.code && strncmp(err.msg, "fuzz:", 5) == 0);
	else
		assert(c.qemu.machine_type && c.qemu.virtio_fs_extra_args);
	config_done(&c);
	return 0;
}
