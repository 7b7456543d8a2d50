/* SPDX-License-Identifier: Apache-2.0 */
/* A container on its way into being, for create.c and for spare.c, which rehearses one: docs/ARCHITECTURE.md. */
#ifndef MOAT_LIBRUNTIME_CREATION_H
#define MOAT_LIBRUNTIME_CREATION_H

#include <limits.h>

#include "devices/plan.h"
#include "devices/volume_plan.h"
#include "libruntime/monitor_client.h"
#include "libruntime/network.h"
#include "libruntime/plug.h"
#include "libruntime/pod.h"
#include "libruntime/runtime.h"
#include "libruntime/sizing.h"
#include "libruntime/standin_client.h"
#include "libruntime/state.h"
#include "libruntime/template.h"
#include "libruntime/trees.h"
#include "libruntime/vm_config.h"
#include "oci/config.h"

#define CREATION_ROOT "rootfs" /* of a container with own_root, in its state directory */

struct creation {
	const struct rt *rt;
	const struct rt_create *args;
	char bundle[PATH_MAX];
	int bundle_fd;
	struct oci_config *config;
	json_t *seccomp; /* the compiled profile; NULL: none */
	struct pod pod; /* with a sandbox: there is a VM already, and whatever is about making one is left out */
	struct vm_config vm;
	struct template_use template;
	struct dev_plan devices;
	struct volume_plan volumes;
	struct root_disk root_disk;
	struct network network;
	struct plugged plugged[MONITOR_DEVICES_MAX]; /* in a VM that runs: hardware of devices, then volumes */
	struct hv_demand demand,
		pod_demand; /* what its limits ask for; and those of the pod that it is the sandbox of */
	uint32_t boot_memory, boot_vcpus; /* of the VM, if it boots for that */
	uint32_t vcpus, memory; /* that it has, memory in MiB; 0: nobody has asked */
	struct trees trees;
	int root_fd, dir; /* state root; this container's directory, locked */
	bool claimed;
	bool in_cgroups; /* they were made: whoever is in them is ours */
	char *unit_path; /* with --systemd-cgroup: where systemd has the cgroup in its hierarchies */
	bool in_scope; /* systemd has made it */
	pid_t holder; /* a child that is in the scope so that there is one */
	struct state state;
	struct monitor_proc monitor; /* its pid is set: it is a spare that was taken */
	struct standin_start start;
	struct standin_proc standin;
	int console_slave;
	struct passed passed[WIRE_PASSED_MAX]; /* args->preserve_fds of them */
	bool late_network; /* it came with the hooks, into a VM that was there already */
	bool hooks_ran; /* some of them: what they did is for the poststop hooks to undo */
	bool began; /* a VM has been set up */
	bool committed;
};

#define CREATION_INIT                                                                             \
	{                                                                                         \
		.bundle_fd = -EBADF, .root_fd = -EBADF, .dir = -EBADF, .console_slave = -EBADF,   \
		.root_disk = ROOT_DISK_INIT, .template = { .memory = -EBADF, .devices = -EBADF }, \
		.pod = POD_INIT, .monitor = { .pidfd = -EBADF, .control = -EBADF },               \
		.standin = { .pidfd = -EBADF, .setup = -EBADF },                                  \
	}

/* Bundle and configuration, everything that can be refused without making anything. */
int creation_check(struct creation *c, struct err *err);
/* From the start of the VM (unless it is there) to the container in it, whose process waits. */
int creation_attempt(struct creation *c, struct err *err);
/* Compiles linux.seccomp, and keeps it for exec, which is to have the same; once. */
int creation_seccomp(struct creation *c, struct err *err);
/* The request to the agent; NULL on ENOMEM. */
json_t *creation_params(const struct creation *c);
/* Ends what runs, in reverse order of starting; what was never started is skipped. */
void creation_stop(struct creation *c);
void creation_done(struct creation *c);

/* ---- create_join.c ---- */

/* What has to be plugged into a VM that runs, if it can be. */
int creation_plan_joining(struct creation *c, struct err *err);
/* Its part of the record. */
int creation_note_joining(struct creation *c, struct err *err);
/* Connects it with the sandbox's monitor, as start of a VM does with its own. */
int creation_join(struct creation *c, struct err *err);
/* Takes out of the VM what has come there of it. */
void creation_leave(struct creation *c);

/* ---- create_vfio.c ---- */

/* Whether vfio_mode can be what it is. */
int creation_check_vfio_mode(const struct creation *c, struct err *err);
/* Of one that joins: whether its PCI devices can come into a VM that runs. */
int creation_check_vfio(const struct creation *c, struct err *err);
/* All functions of the group, into as many of `ret`. What a failure leaves is taken away by creation_leave(). */
int creation_plug_vfio(struct creation *c, const struct vfio_group *g, struct plugged *ret,
		       struct err *err);

/* ---- create_cgroups.c ---- */

/* Their names, for the record. */
int creation_plan_cgroups(struct creation *c, struct err *err);
int creation_make_cgroups(struct creation *c, struct err *err);
/* Others are in the scope by now, or nobody is going to be. */
void creation_release_holder(struct creation *c);

/* ---- create_size.c ---- */

/* What the limits ask for, and what the VM has to be from its start; -ERANGE: the host does not have that. */
int creation_plan_size(struct creation *c, struct err *err);
/* The description of the VM as the monitor gets it; everything in it is borrowed. */
void creation_boot_setup(const struct creation *c, struct vm_setup *ret);
/* Lets the VM grow, unless it is large enough, and waits for it. */
int creation_grow(struct creation *c, struct err *err);

/* ---- limits.c ---- */

/*
 * The limits in the host's cgroups. late: those that would slow the start of the VM down, once it is there. A sandbox that
 * annotations call so has none: its VM is the pod's, whose cgroup is the parent, which the caller limits.
 */
int creation_limit(struct creation *c, bool late, struct err *err);

/* ---- create_devices.c ---- */

/* What becomes hardware, each on a root port, and room for it in the description of the VM; nothing is opened. */
int creation_plan_devices(struct creation *c, struct err *err);
/* Opens everything, late, since what is open is in use; fds are what the monitor is started with. */
int creation_open_devices(struct creation *c, int fds[MONITOR_DEVICES_MAX], struct err *err);
/* The monitor has its own by now; a vhost-user target must notice when that ends, and a tap ends with its last descriptor. */
void creation_close_devices(struct creation *c);
/* Recorded before it is touched: `delete` undoes it by name. */
int creation_note_network(struct creation *c, struct err *err);
/* What hooks have put into the network namespace, docker's for example, is plugged into the VM. */
int creation_late_network(struct creation *c, struct err *err);
/* That VM is gone; the hooks bring it again. */
void creation_forget_late_network(struct creation *c);

/* ---- create_volumes.c ---- */

/* The container's files: trees that are shared, and what is a disk instead. */
int creation_open_trees(struct creation *c, struct err *err);

/* The same for direct volumes: their directories. */
int creation_note_volumes(struct creation *c, struct err *err);
/* Says in each volume that it is used, if it may be, and opens its device. first: the number of the first among the VM's devices. */
int creation_take_volumes(struct creation *c, size_t first, struct err *err);
/* The volumes as devices of a VM that runs: plugged[first] and the following; then their records say so. */
int creation_plug_volumes(struct creation *c, size_t first, struct err *err);
/* Undoes it. */
void creation_leave_volumes(struct creation *c);
/* What the agent is told. */
json_t *creation_volume_params(const struct creation *c);

#endif
