/* SPDX-License-Identifier: Apache-2.0 */
/* A process of the fake agent: a program that is not there, and its streams. */
#ifndef MOAT_HYPERVISOR_FAKE_PROCESS_H
#define MOAT_HYPERVISOR_FAKE_PROCESS_H

#include <jansson.h>

#include "base/str.h"
#include "wire/conn.h"

enum fake_program {
	FAKE_SLEEP, /* until a signal */
	FAKE_CAT, /* until the end of its input */
	FAKE_EXIT, /* with a code, at once */
};

struct fake_process {
	struct fake_process *next;
	char *id, *exec; /* container, name ("": init) */
	int pid;
	uint32_t stream;
	enum fake_program program;
	int code; /* of FAKE_EXIT */
	bool terminal;
	bool running; /* else waiting for container.start */
	bool frozen;
	bool in_eof; /* the host sends no more */
	bool out_closed; /* the host reads no more */
	struct wire_window in, out; /* stream + 0 and stream + 1 */
	struct buf echo; /* input not yet echoed; bounded by in */
};

/* From an OCI process object. */
int fake_process_new(const char *id, const char *exec, uint32_t stream, const json_t *process,
		     struct fake_process **ret, struct err *err);
void fake_process_free(struct fake_process *p);
/* A frame of one of its streams. */
int fake_process_frame(struct fake_process *p, struct wire_conn *c, const struct wire_frame *f,
		       struct err *err);
/* Echoes what may be echoed. True when the program has ended by itself (with p->code). */
bool fake_process_run(struct fake_process *p, struct wire_conn *c);
/* End of output and the exit event; by signal unless that is 0. */
void fake_process_report(struct fake_process *p, struct wire_conn *c, int signal);

#endif
