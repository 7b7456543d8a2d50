// SPDX-License-Identifier: Apache-2.0
/* Frames with JSON bodies, and credit. */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "wire/conn.h"
#include "wire/message.h"

int wire_send_credit(struct wire_conn *c, uint32_t stream, uint32_t n)
{
	uint8_t payload[4];

	wire_put_u32(payload, n);
	return wire_send(c, WIRE_CREDIT, stream, payload, sizeof(payload));
}

static int send_json(struct wire_conn *c, enum wire_type type, uint32_t id, const json_t *body)
{
	_free_ char *text = js_dump(body);

	if (!text)
		return -ENOMEM;
	return wire_send(c, type, id, text, strlen(text));
}

int wire_send_request(struct wire_conn *c, uint32_t id, const char *method, json_t *params)
{
	_free_ char *text = wire_format_request(method, params);

	if (!text)
		return -ENOMEM;
	return wire_send(c, WIRE_REQUEST, id, text, strlen(text));
}

int wire_send_result(struct wire_conn *c, uint32_t id, json_t *result)
{
	_json_ json_t *body = json_object();

	if (json_object_set_new(body, "result", result ? json_incref(result) : json_object()) < 0)
		return -ENOMEM;
	return send_json(c, WIRE_REPLY, id, body);
}

int wire_send_error(struct wire_conn *c, uint32_t id, const struct err *e)
{
	char text[sizeof(e->msg)];
	_json_ json_t *body = NULL;

	wire_clean_text(text, sizeof(text), e->msg);
	body = json_pack("{s:{s:i,s:s}}", "error", "code", e->code > 0 ? e->code : EIO, "message",
			 text);
	return send_json(c, WIRE_REPLY, id, body);
}

int wire_send_event(struct wire_conn *c, json_t *event)
{
	return send_json(c, WIRE_EVENT, 0, event);
}
