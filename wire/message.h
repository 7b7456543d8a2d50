/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies of HELLO, REQUEST, REPLY and EVENT frames, and a blocking client for commands. */
#ifndef MOAT_WIRE_MESSAGE_H
#define MOAT_WIRE_MESSAGE_H

#include <jansson.h>

#include "wire/frame.h"

/*
 * Bodies become fresh trees. *ret_params / *ret_result / the event are objects
 * (an absent one is an empty object). method and event names are at most 63
 * bytes of [a-z.]. -EPROTO on anything else.
 */
int wire_parse_request(const struct wire_frame *f, char method[64], json_t **ret_params,
		       struct err *err);
/*
 * 0 with *ret_result set; or, for an error reply, the peer's -code with its
 * message in err (control characters replaced, length bounded). *ret_protocol
 * (may be NULL) tells a malformed reply from a proper error.
 */
int wire_parse_reply(const struct wire_frame *f, json_t **ret_result, bool *ret_protocol,
		     struct err *err);
int wire_parse_event(const struct wire_frame *f, char name[64], json_t **ret_event, struct err *err);
int wire_parse_hello(const struct wire_frame *f, json_t **ret, struct err *err);

/* {"method": method, "params": params} as text, owned by the caller; params may be NULL. NULL on ENOMEM. */
char *wire_format_request(const char *method, json_t *params);
/* Copies text that a peer sent: control characters and invalid UTF-8 become '?', line breaks and tabs a space. */
void wire_clean_text(char *to, size_t size, const char *from);

/*
 * One request on a socket (blocking or not), waiting for its reply; events that arrive
 * meanwhile are dropped. timeout_ms covers the whole call (< 0: no limit). -ETIMEDOUT names
 * the method; -ECONNRESET if the peer went away. *ret_result may be NULL.
 */
int wire_call(int sock, const char *method, json_t *params, int timeout_ms, json_t **ret_result,
	      struct err *err);
/* The same on a blocking socket, with a descriptor (borrowed; < 0: none) that goes along with the request. */
int wire_call_fd(int sock, const char *method, json_t *params, int fd, int timeout_ms,
		 json_t **ret_result, struct err *err);

#endif
