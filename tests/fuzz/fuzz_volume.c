/* SPDX-License-Identifier: Apache-2.0 */
/* mountInfo.json and the names of its directories: any bytes are refused with a message or give a usable struct. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "devices/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is decoded is encoded to the same. */
static void names(const uint8_t *data, size_t size)
{
	_free_ char *text = strndup((const char *)data, size), *plain = NULL, *again = NULL;
	size_t len;

	if (!text || base64url_decode(text, &plain, &len) < 0)
		return;
	again = base64url_encode(plain, len);
	assert(again && strcmp(again, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(volume_info_done) struct volume_info v = { 0 }, again = { 0 };
	struct err err = { 0 };
	_free_ char *stored = NULL;

	names(data, size);
	if (volume_info_parse((const char *)data, size, &v, &err) < 0) {
		assert(err.code && *err.msg);
		return 0;
	}
	assert(*v.device && v.options && *v.type_name);
	/* What is stored is read back. */
	stored = js_dump(v.text);
	assert(stored && volume_info_parse(stored, strlen(stored), &again, &err) >= 0);
	assert(strcmp(v.fstype, again.fstype) == 0 && v.fs_group == again.fs_group);
	return 0;
}
