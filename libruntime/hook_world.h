/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where createContainer hooks run. The specification takes their path from the
 * runtime namespace and runs them in the container's; with a VM that is
 * the stand-in's network, IPC and UTS namespace, and a copy of the host's mounts in which the
 * stand-in's world, with the container's mounts, lies on the root file system's path. The pids
 * are the host's, as the pid in the state is.
 */
#ifndef MOAT_LIBRUNTIME_HOOK_WORLD_H
#define MOAT_LIBRUNTIME_HOOK_WORLD_H

#include <stdbool.h>

struct hook_world {
	const char *rootfs; /* absolute path on the host */
	bool readonly; /* the stand-in's root is; hooks may still write there, as with runc */
};

/* For oci_hook_run.enter; data: struct hook_world, enter_fd: a pidfd of the stand-in. Runs between fork and exec: system calls only. */
int hook_world_enter(void *data);

#endif
