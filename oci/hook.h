/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks (runtime-spec config.md "POSIX-platform Hooks"): run one after another,
 * with failures in runc's words. Those of the runtime and of the container
 * namespace differ in where the caller lets them run, not in how.
 */
#ifndef MOAT_OCI_HOOK_H
#define MOAT_OCI_HOOK_H

#include <jansson.h>

#include "base/err.h"
#include "oci/config.h"

struct oci_hook_run {
	const char *name; /* "createRuntime" */
	const struct oci_hook *hooks;
	size_t n;
	const char *cwd; /* NULL: "/" */
	/* Runs in the child before exec: enters the place where it is to run; only system calls. NULL: none. */
	int (*enter)(void *data);
	void *data;
	int enter_fd; /* only enter has it, as RUN_PREPARE_FD (base/run.h) */
};

/* Stops at the first that fails: "error running createRuntime hook #0: exit status 1, stdout: , stderr: ". */
int oci_hooks_run(const struct oci_hook_run *r, const json_t *state, struct err *err);
/* Runs them all; failures are logged. */
void oci_hooks_run_all(const struct oci_hook_run *r, const json_t *state);
/* Milliseconds after which all must have ended, by their timeouts; -1: never. */
int oci_hooks_timeout(const struct oci_hook *hooks, size_t n);

#endif
