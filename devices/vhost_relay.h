/* SPDX-License-Identifier: Apache-2.0 */
/* Starting of the process that connects a vhost-user target to QEMU again and again: monitor/relay.h. */
#ifndef MOAT_DEVICES_VHOST_RELAY_H
#define MOAT_DEVICES_VHOST_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VHOST_RELAY_CGROUPS_MAX 32 /* hierarchies */

struct vhost_relay {
	const char *program; /* moat-monitor */
	const char *target; /* path of the target's socket */
	const char *name; /* of QEMU's socket in its directory; "": the relay makes one for it */
	uint32_t seconds; /* between attempts */
	int connection; /* to the target, which must be nobody else's afterwards */
	int output; /* for lines about what happens */
	int monitor; /* pidfd */
	bool orphan; /* not the caller's child */
	const int *cgroups; /* cgroup.procs that it joins */
	size_t n_cgroups;
};

/* Descriptors stay the caller's. *ret_socket: the other end of RELAY_FD_STARTER. */
int vhost_relay_start(const struct vhost_relay *v, int *ret_socket, struct err *err);
/* Waits for the socket that QEMU is to listen at. Returns it, the caller's. */
int vhost_relay_listener(const struct vhost_relay *v, int socket, struct err *err);

#endif
