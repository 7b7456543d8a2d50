/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's PID 1: what all its parts share. One thread, one loop; every
 * container process is a direct child. The descriptors here belong to the
 * guest itself: no container ever sees them.
 */
#ifndef MOAT_AGENT_AGENT_H
#define MOAT_AGENT_AGENT_H

#include <stdbool.h>

#include "agent/join.h"
#include "agent/stdio.h"
#include "base/loop.h"
#include "wire/conn.h"

struct container;

struct agent {
	struct loop *loop;
	struct wire_conn *conn; /* NULL before it is open, and after its end */
	unsigned int session; /* counts HELLOs; 0: none yet */
	struct mux mux; /* streams of all processes */
	struct container *containers;
	bool test; /* on a development machine: never power off, mount nothing of the guest's own */
	bool shutting_down;
	const char *state_dir; /* private directory; its "root" is where a container's root is attached */
	int proc_fd; /* O_PATH of the guest's /proc, -EBADF before boot_mounts() */
	const char *share_dir; /* where the share is mounted; NULL before sandbox.setup */
	bool loopback; /* the interface is up */
	bool prepared; /* to become a template */
	uint64_t first_memory; /* bytes: what the kernel managed before the host added any */
	struct loop_source *balloon; /* timer that loads the driver, unless prepared */
	const char *cgroup_dir; /* path of: */
	int cgroup_fd; /* the directory below which containers get their groups; -EBADF: no cgroups (test only) */
	int own_ns[JOIN_TYPES]; /* the agent's own namespaces, see join.h */
};

/* Answer that is still owed to the host. Belongs to the session in which it was asked. */
struct pending {
	unsigned int session; /* counts HELLOs; 0: none yet */
	uint32_t id;
};

/* Prints to the console and ends the VM (test: exits 1). For states that nothing can be done about. */
void agent_fatal(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* From here on both of them only exit. */
void agent_set_test(void);
/* Ends the VM at once (test: exits 0). */
void agent_end(struct agent *a) __attribute__((noreturn));

#endif
