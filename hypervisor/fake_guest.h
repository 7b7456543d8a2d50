/* SPDX-License-Identifier: Apache-2.0 */
/* What the fake agent pretends to run. Output and events go to conn, which is borrowed. */
#ifndef MOAT_HYPERVISOR_FAKE_GUEST_H
#define MOAT_HYPERVISOR_FAKE_GUEST_H

#include <jansson.h>

#include "wire/conn.h"

struct fake_guest {
	struct wire_conn *conn;
	struct container *containers;
	struct fake_process *processes;
	bool shutdown; /* sandbox.shutdown came */
};

void fake_guest_done(struct fake_guest *g);
/* *ret_result: fresh, or untouched for an empty result. */
int fake_guest_request(struct fake_guest *g, const char *method, const json_t *params,
		       json_t **ret_result, struct err *err);
/* A frame of some process's stream. */
int fake_guest_stream(struct fake_guest *g, const struct wire_frame *f, struct err *err);
/* Lets the processes do what they can do now. */
void fake_guest_run(struct fake_guest *g);

#endif
