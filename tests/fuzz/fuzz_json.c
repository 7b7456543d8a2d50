/* SPDX-License-Identifier: Apache-2.0 */
/* js_parse(), and that what it accepts is written back as a document it accepts again, the same one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	json_t *v = NULL, *again = NULL;

	if (js_parse((const char *)data, size, NULL, &v, &err) < 0) {
		if (err.code == 0 || err.msg[0] == '\0' || strncmp(err.msg, "line ", 5) != 0)
			abort();
		return 0;
	}
	_free_ char *text = js_dump(v), *pretty = js_dump_pretty(v, 4);
	if (!text || !pretty)
		abort();
	if (js_parse(text, strlen(text), NULL, &again, &err) < 0 || !json_equal(v, again))
		abort();
	json_decref(again);
	again = NULL;
	if (js_parse(pretty, strlen(pretty), NULL, &again, &err) < 0 || !json_equal(v, again))
		abort();
	json_decref(again);
	json_decref(v);
	return 0;
}
