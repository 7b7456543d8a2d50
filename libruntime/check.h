/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat check`: what the host offers, in rows. One small function makes a row (check_rows.h) and sees the
 * host through struct check_host and the configuration only, so that a test can show it another host.
 * Nothing is changed, except that opening a device node may make the kernel load its module.
 */
#ifndef MOAT_LIBRUNTIME_CHECK_H
#define MOAT_LIBRUNTIME_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "hypervisor/accel.h"
#include "libruntime/runtime.h"

enum check_status {
	CHECK_OK,
	CHECK_INFO, /* good to know; nothing is wrong */
	CHECK_DEGRADED, /* containers run, but slower, less isolated, or without something */
	CHECK_MISSING, /* no container runs */
};

struct check_row {
	const char *name;
	enum check_status status;
	char *detail; /* one line of UTF-8 */
	char *next; /* what to do about it; "" if there is nothing */
};

struct check_report {
	struct check_row *rows; /* always in the same order; those that cannot be found out are left out */
	size_t n;
};

struct check_host {
	const char *root; /* stands before /proc, /sys, /dev and /lib/modules; "" for the real ones */
	uid_t uid;
	int (*probe)(long nr); /* 0, or -errno if this system call cannot be used */
	const struct accel_probe *accel; /* NULL: the real one */
};

/* host NULL: this one. What is wrong with the host is in the report; an error is one of this function. */
int check_run(const struct rt *rt, const struct check_host *host, struct check_report *ret,
	      struct err *err);
void check_report_done(struct check_report *r);
/* Whether containers can run: nothing is missing. */
bool check_report_ok(const struct check_report *r);
const char *check_status_name(enum check_status s);

#endif
