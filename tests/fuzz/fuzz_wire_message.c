// SPDX-License-Identifier: Apache-2.0
/* One body as request, reply, event and hello. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, json_t *v, const struct err *err)
{
	if (r == 0 ? !json_is_object(v) :
		     (r > 0 || err->code != -r || !str_is_utf8(err->msg, strlen(err->msg))))
		abort();
	if (r == 0)
		json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_frame f = { .id = 1, .len = (uint32_t)size, .payload = data };
	struct err err = { 0 };
	char name[64], text[100];
	json_t *v = NULL;

	f.type = WIRE_REQUEST;
	check(wire_parse_request(&f, name, &v, &err), v, &err);
	f.type = WIRE_REPLY;
	check(wire_parse_reply(&f, &v, NULL, &err), v, &err);
	f.type = WIRE_EVENT;
	check(wire_parse_event(&f, name, &v, &err), v, &err);
	f.type = WIRE_HELLO;
	check(wire_parse_hello(&f, &v, &err), v, &err);

	char *copy = strndup((const char *)data, size);
	wire_clean_text(text, sizeof(text), copy);
	if (!str_is_utf8(text, strlen(text)))
		abort();
	free(copy);
	return 0;
}
