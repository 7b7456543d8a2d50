// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.h"

#include <errno.h>

struct frame_rule {
	const char *name;
	uint32_t min, max; /* bytes of payload */
	bool no_id; /* the id field must be 0 */
};

static const struct frame_rule rules[] = {
	[WIRE_HELLO] = { "HELLO", 0, WIRE_MAX_HELLO, true },
	[WIRE_REQUEST] = { "REQUEST", 0, WIRE_MAX_REQUEST, false },
	[WIRE_REPLY] = { "REPLY", 0, WIRE_MAX_REPLY, false },
	[WIRE_EVENT] = { "EVENT", 0, WIRE_MAX_EVENT, true },
	[WIRE_DATA] = { "DATA", 1, WIRE_MAX_DATA, false },
	[WIRE_EOF] = { "EOF", 0, 0, false },
	[WIRE_CREDIT] = { "CREDIT", 4, 4, false },
	[WIRE_CLOSE] = { "CLOSE", 0, 0, false },
};

uint32_t wire_get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void wire_put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

void wire_put_header(uint8_t out[WIRE_HEADER_SIZE], enum wire_type type, uint32_t id, uint32_t len)
{
	wire_put_u32(out, len);
	out[4] = (uint8_t)type;
	out[5] = out[6] = out[7] = 0;
	wire_put_u32(out + 8, id);
}

bool wire_length_valid(enum wire_type type, size_t len)
{
	return type >= WIRE_HELLO && type <= WIRE_CLOSE && len >= rules[type].min &&
	       len <= rules[type].max;
}

int wire_get_header(const uint8_t in[WIRE_HEADER_SIZE], bool accept_requests,
		    struct wire_frame *ret, struct err *err)
{
	uint32_t len = wire_get_u32(in);
	uint32_t id = wire_get_u32(in + 8);
	unsigned int type = in[4];

	if (type < WIRE_HELLO || type > WIRE_CLOSE)
		return err_set(err, EPROTO, "frame of unknown type %u", type);
	if (in[5] != 0 || in[6] != 0 || in[7] != 0)
		return err_set(err, EPROTO, "%s frame with non-zero padding", rules[type].name);
	if (type == WIRE_REQUEST && !accept_requests)
		return err_set(err, EPROTO, "REQUEST frame on a side that takes none");
	if (len < rules[type].min || len > rules[type].max)
		return err_set(err, EPROTO, "%s frame of %u bytes, %u to %u allowed",
			       rules[type].name, len, rules[type].min, rules[type].max);
	if (rules[type].no_id && id != 0)
		return err_set(err, EPROTO, "%s frame with id %u", rules[type].name, id);
	*ret = (struct wire_frame){ .type = (enum wire_type)type, .id = id, .len = len };
	return 0;
}

bool wire_window_take(struct wire_window *w, uint32_t n)
{
	if (n > w->avail)
		return false;
	w->avail -= n;
	return true;
}

bool wire_window_give(struct wire_window *w, uint32_t n)
{
	if (w->avail > WIRE_WINDOW || n > WIRE_WINDOW - w->avail)
		return false;
	w->avail += n;
	return true;
}
