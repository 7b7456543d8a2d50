/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of wire/PROTOCOL.md: header, limits, and checks before anything is allocated. */
#ifndef MOAT_WIRE_FRAME_H
#define MOAT_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define WIRE_HEADER_SIZE 12
#define WIRE_MAX_DATA 0x40000u /* 256 KiB */
#define WIRE_MAX_REQUEST 0x1400000u /* 20 MiB */
#define WIRE_MAX_REPLY 0x100000u /* 1 MiB */
#define WIRE_MAX_EVENT 0x10000u /* 64 KiB */
#define WIRE_MAX_HELLO 4096u
#define WIRE_WINDOW 0x100000u
#define WIRE_VERSION 2

/*
 * Streams of one process: 0 to it, 1 and 2 from it; of the descriptor 3 + n that it was passed, 4 + 2n to it and 5 + 2n
 * from it.
 */
#define WIRE_STREAMS 64 /* numbers that a process has; the first id is a multiple of it */
#define WIRE_PASSED_MAX ((WIRE_STREAMS - 4) / 2)
/* Of a container's init, unless it was passed WIRE_PASSED_MAX descriptors: see wire/resolver.h. */
#define WIRE_ANSWERS (WIRE_STREAMS - 2) /* to the guest */
#define WIRE_QUESTIONS (WIRE_STREAMS - 1) /* from it */
static inline uint32_t wire_passed_stream(size_t n, bool to_process)
{
	return 4 + 2 * (uint32_t)n + !to_process;
}
static inline bool wire_to_process(uint32_t stream)
{
	return stream % 2 == 0 && stream != 2;
}
/* False for what no process with that many passed descriptors has. */
static inline bool wire_stream_exists(uint32_t stream, size_t n_passed)
{
	return stream < 3 || (stream >= 4 && stream < 4 + 2 * n_passed);
}

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_REQUEST,
	WIRE_REPLY,
	WIRE_EVENT,
	WIRE_DATA,
	WIRE_EOF,
	WIRE_CREDIT,
	WIRE_CLOSE,
};

struct wire_frame {
	enum wire_type type;
	uint32_t id;
	uint32_t len;
	const uint8_t *payload; /* borrowed: valid during the callback only */
};

void wire_put_header(uint8_t out[WIRE_HEADER_SIZE], enum wire_type type, uint32_t id, uint32_t len);
/*
 * Decodes and checks a header. accept_requests: requests may come in on this
 * side (agent, monitor's socket). 0, or -EPROTO with the reason.
 */
int wire_get_header(const uint8_t in[WIRE_HEADER_SIZE], bool accept_requests,
		    struct wire_frame *ret, struct err *err);

/* True if a frame of this type may have len bytes of payload: the sender's check. */
bool wire_length_valid(enum wire_type type, size_t len);

uint32_t wire_get_u32(const uint8_t *p);
void wire_put_u32(uint8_t *p, uint32_t v);

/* Sender's or receiver's view of a stream's credit. */
struct wire_window {
	uint32_t avail;
};
static inline void wire_window_init(struct wire_window *w)
{
	w->avail = WIRE_WINDOW;
}
/* Takes n bytes: false if there is not that much credit. */
bool wire_window_take(struct wire_window *w, uint32_t n);
/* Gives n bytes: false if more than WIRE_WINDOW would be out. */
bool wire_window_give(struct wire_window *w, uint32_t n);

#endif
