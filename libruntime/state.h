/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.json: what a command recorded about a container. Written before the first resource exists (phase
 * "creating": the names of what is going to be made) and again at each transition; always
 * whole, by rename. Nothing in it is believed about life and death: see status.h.
 */
#ifndef MOAT_LIBRUNTIME_STATE_H
#define MOAT_LIBRUNTIME_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define STATE_VERSION 1
#define STATE_FILE "state.json"
#define CGROUPS_FILE "cgroups"
#define SECCOMP_FILE \
	"seccomp.json" /* oci/seccomp.h: the container's profile, compiled; missing: none */

struct state_process {
	int32_t pid; /* 0: none */
	uint64_t start; /* /proc/PID/stat field 22 */
};

/* A device that was plugged in while the container ran. */
struct state_device {
	char *path; /* its node in the container */
	char *source; /* on the host: a device node, or a socket */
	char *kind; /* VM_DEVICE_... of wire/vm_setup.h */
	bool readonly;
	uint32_t mode, uid, gid; /* of the node */
	bool ready; /* false: on its way in or out, or left there by a command that was killed */
};

/* A direct volume that was plugged in while the container ran. */
struct state_volume {
	char *destination;
	char *source; /* the path under which it is registered */
	char *dir; /* of its registration, where the record of who uses it is */
	char **options; /* of the mount */
	char *fstype, *kind; /* kind: VM_DEVICE_... of wire/vm_setup.h */
	bool readonly;
	uint32_t index; /* its number for the guest, beyond those of config.mounts */
	bool ready; /* as that of a device */
};

struct state {
	uint32_t version;
	char *id;
	char *phase; /* creating, created, running, paused */
	char *boot_id;
	char *bundle, *rootfs; /* absolute */
	char *created; /* RFC 3339 */
	struct state_process monitor, standin;
	char *sandbox; /* the container whose VM it has joined, and whose monitor that is; NULL: the VM is its own */
	struct state_process creator; /* the command that makes it join, as long as it is at it */
	bool terminal; /* init has one */
	uint32_t overhead; /* MiB, libruntime/host_limits.h; 0: its limits are the guest's alone */
	bool network; /* what comes into its network namespace is for the VM, too */
	bool macvtap; /* by which model */
	char *netns; /* that namespace, if it is the caller's; NULL: it is the container's own */
	char *ports; /* its range of local ports before that was changed (libruntime/resolver_outside.h), NULL: it was not */
	char **interfaces; /* names of those that the VM has been given */
	json_t *given; /* what they were then, libruntime/network_given.h; NULL: none was given, or by a version that did not note it */
	struct state_device *devices;
	size_t n_devices;
	char **volumes; /* directories of the direct volumes that it uses since its creation */
	struct state_volume *added; /* and those that came since */
	size_t n_added;
	char **cgroups; /* absolute directories in the order of their making */
	char *unit; /* systemd's, which one of them is; NULL: none */
	json_t *annotations; /* object of strings or NULL */
};

void state_done(struct state *s);
void state_device_done(struct state_device *d);
void state_volume_done(struct state_volume *v);
int state_save(int dirfd, const struct state *s, struct err *err);
/* -ENOENT if there is no file yet, -EINVAL for damage or another version (message names the file). */
int state_load(int dirfd, struct state *ret, struct err *err);
/*
 * The cgroups, a line each, and "unit NAME", in a file of their own: written once, before they are made, so that a damaged
 * state.json does not lose them. A missing file is an empty list. Loading sets these two fields, also after an error; state_done() frees them.
 */
int state_save_cgroups(int dirfd, const struct state *s, struct err *err);
int state_load_cgroups(int dirfd, struct state *ret, struct err *err);
/* RFC 3339 in UTC with nanoseconds, as runc prints it. Owned by the caller. */
char *state_timestamp(void);

#endif
