/* SPDX-License-Identifier: Apache-2.0 */
/* Starting moat-monitor and talking to it. */
#ifndef MOAT_LIBRUNTIME_MONITOR_CLIENT_H
#define MOAT_LIBRUNTIME_MONITOR_CLIENT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/state.h"
#include "wire/vm_setup.h"

#define MONITOR_SOCKET "monitor.sock"
#define MONITOR_SHARE "/share" /* in its mount namespace */

#define MONITOR_FIRST_DEVICE 8
#define MONITOR_DEVICES_MAX 24

/* Deadlines in milliseconds. */
#define MONITOR_STATE_MS 1000
#define MONITOR_REQUEST_MS 15000
#define MONITOR_RESIZE_MS 130000 /* the guest has two minutes */

struct monitor_proc {
	pid_t pid;
	int pidfd;
	int control; /* the creator's connection: closing it before `commit` ends the VM */
};

/*
 * Binds monitor.sock in the state directory and starts the monitor; *ret is the caller's. template: memory and
 * devices of the template that the VM is saved to or started from, -EBADF: none. devices: descriptors of
 * vm_setup.devices, which have the numbers from MONITOR_FIRST_DEVICE on there.
 */
int monitor_spawn(const char *program, int state_fd, const int template[2], const int *devices,
		  size_t n_devices, struct monitor_proc *ret, struct err *err);
/* Chooses the identity of the VM (docs/ARCHITECTURE.md "Identities") and lets the monitor begin. */
int monitor_setup(const struct monitor_proc *proc, struct vm_setup *setup, struct err *err);

/* The uid of that VM's hypervisor. */
uid_t monitor_hypervisor_uid(pid_t monitor);

/* One request to the monitor of a state directory. -ECONNREFUSED / -ENOENT: no monitor there. */
int monitor_request(int state_fd, const char *method, json_t *params, int timeout_ms,
		    json_t **ret_result, struct err *err);

#endif
