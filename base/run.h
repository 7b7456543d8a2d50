/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program to its end: text on its standard input, the beginning of what
 * it says, and a deadline for its whole process group. Descriptors 0-2 are
 * all that it gets. A process that it leaves behind is not waited for.
 */
#ifndef MOAT_BASE_RUN_H
#define MOAT_BASE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define RUN_PREPARE_FD 3
#define RUN_KEEP 256 /* bytes of stdout and of stderr; the rest is read and dropped */

struct run {
	const char *path; /* absolute */
	char *const *argv;
	char *const *envp; /* NULL: empty */
	const char *cwd; /* "/" if it cannot be entered; NULL: "/" */
	const char *input; /* a file that nobody can write to, read from its beginning */
	int timeout_ms; /* < 0: none */
	/* As in struct spawn, before cwd is entered; NULL: none. It finds prepare_fd at RUN_PREPARE_FD, the program does not. */
	int (*prepare)(void *data);
	void *data;
	int prepare_fd;
};

struct run_result {
	int status; /* of waitpid(2) */
	bool timed_out; /* and was killed with its process group */
	char out[RUN_KEEP + 1], errors[RUN_KEEP + 1];
};

/* -errno, *ret is untouched: it could not be started; -ECHILD: it ran, and its exit code is lost (proc_reap()). */
int run_program(const struct run *r, struct run_result *ret, struct err *err);

#endif
