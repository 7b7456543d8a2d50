/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI state object (runtime.md "State") and runc's extra members, for `state`, `list` and hooks. */
#ifndef MOAT_OCI_STATE_H
#define MOAT_OCI_STATE_H

#include <jansson.h>
#include <sys/types.h>

#define OCI_VERSION "1.2.0" /* the version that moat implements */

struct oci_state {
	const char *id;
	const char *status; /* creating created running paused stopped */
	pid_t pid; /* 0 when stopped */
	const char *bundle; /* absolute */
	const char *rootfs; /* absolute; NULL leaves it out, as hooks want it */
	const char *created; /* RFC 3339 with nanoseconds; NULL leaves it out */
	const char *owner; /* user name; NULL leaves it out */
	const json_t *annotations; /* borrowed; NULL or empty leaves it out */
};

/* A fresh object with the members in runc's order. */
json_t *oci_state_json(const struct oci_state *s);

#endif
