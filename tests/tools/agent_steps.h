/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of the agent are made of: configurations, containers, and what is expected of them. */
#ifndef MOAT_TESTS_AGENT_STEPS_H
#define MOAT_TESTS_AGENT_STEPS_H

#include "tests/tools/agent_client.h"

struct drive {
	struct client client;
	const char *share; /* as the host sees it */
	bool cgroups; /* there are some to test with */
	bool skipped; /* the present check, for want of them */
	pid_t agent;
	int checks, failures;
	const char *only; /* substring of the names to run */
	const char *current; /* the check that runs */
	bool exec_hold; /* of the next exec: give no credit */
};

#define EXPECT(d, cond, ...) expect(d, cond, #cond, __LINE__, __VA_ARGS__)
void expect(struct drive *d, bool ok, const char *cond, int line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* A container's configuration that runs a script, and parts of one; fresh references, but for the two in the middle. */
json_t *config(const char *script);
json_t *with_args(const char *arg); /* one that runs a program */
json_t *process_of(json_t *c);
json_t *linux_of(json_t *c);
json_t *exec_process(const char *script);
/* Makes it one with a terminal: process itself. */
json_t *terminal(json_t *process);

/* Requests; NULL or -errno with err set. Configurations and processes are taken. */
struct guest_process *create_root(struct drive *d, const char *id, json_t *c, const char *root,
				  json_t *mounts, struct err *err);
struct guest_process *create(struct drive *d, const char *id, json_t *c, struct err *err);
int call_id(struct drive *d, const char *method, const char *id, struct err *err);
struct guest_process *start_new(struct drive *d, const char *id, json_t *c, struct err *err);
struct guest_process *exec(struct drive *d, const char *id, const char *name, json_t *process,
			   struct err *err);
int kill_process(struct drive *d, const char *id, const char *name, int sig, bool all,
		 struct err *err);

/* Its output, "" if there is none. */
const char *out(struct guest_process *p);
const char *errs(struct guest_process *p);
bool has(struct guest_process *p, const char *text);
/* Runs a container to its end. */
struct guest_process *run_config(struct drive *d, json_t *c);
struct guest_process *run_script(struct drive *d, const char *script);

#endif
