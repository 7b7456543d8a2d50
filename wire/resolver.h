/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of a container to a name server that listens on loopback in the network namespace of its host's side (Docker's: 127.0.0.11),
 * where nothing in the guest can reach it. The agent takes them at the same address in the guest, the stand-in asks.
 * A frame of type DATA is one message of DNS (RFC 1035 4.1) after one byte that says by which transport it came. The agent chooses the ids,
 * so that a question's is used once at a time. Every question gets one answer, SERVFAIL if the server gives none, so the number
 * of those that wait is all that has to be bounded.
 */
#ifndef MOAT_WIRE_RESOLVER_H
#define MOAT_WIRE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RESOLVER_PORT 53
#define RESOLVER_PENDING 128 /* questions that wait for their answer */
#define RESOLVER_HEADER 12 /* bytes of DNS: id, flags, counts; the least that a message has */
#define RESOLVER_QUESTION_MAX 4096 /* bytes of DNS; all that wait fit into a window */
#define RESOLVER_ANSWER_MAX 65535

enum resolver_transport { RESOLVER_UDP, RESOLVER_TCP };

static inline uint16_t resolver_get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void resolver_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline bool resolver_is_question(const uint8_t *dns, size_t len)
{
	return len >= RESOLVER_HEADER && len <= RESOLVER_QUESTION_MAX && !(dns[2] & 0x80);
}

/* Makes the question its own answer: nobody knows. QR and RA are set, RCODE is SERVFAIL. */
static inline void resolver_fail(uint8_t *dns)
{
	dns[2] |= 0x80;
	dns[3] = (uint8_t)((dns[3] & 0x70) | 0x82);
}

#endif
