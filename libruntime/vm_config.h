/* SPDX-License-Identifier: Apache-2.0 */
/* From configuration and installation to the description of one VM. */
#ifndef MOAT_LIBRUNTIME_VM_CONFIG_H
#define MOAT_LIBRUNTIME_VM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/paths.h"
#include "devices/plan.h"
#include "hypervisor/hv.h"
#include "libruntime/runtime.h"
#include "wire/vm_setup.h"

struct vm_config {
	struct vm_setup setup; /* without uid */
	char *monitor, *standin; /* programs */
	bool share; /* files of the host, by virtio-fs */
	bool root_disk; /* give the root file system's device, if it has one of its own */
	bool vfio_user; /* the container drives VFIO devices by itself: vfio_mode */
	bool network; /* connect the VM to the caller's */
	bool macvtap; /* by macvtap instead of redirected taps */
	struct dev_options devices; /* borrows from this struct */
	char *store; /* of vhost-user devices */
	uint32_t reconnect; /* seconds between attempts to connect again to one; 0: none */
	char *vhost_user_net; /* where the sockets of vhost-user switches are; "": nowhere */
	char *volumes; /* the directory of direct volumes */
	bool template; /* start from one */
	const char *no_template; /* why not, a constant */
	char *factory; /* where templates and spares are */
	uint32_t most_memory,
		most_vcpus; /* of any VM: MiB; setup.max_* say how far one grows while it runs */
	uint32_t overhead; /* MiB for the host's cgroup beside the VM's memory; 0: no limits are set there */
	uint32_t spares; /* to be kept started; only with template */
};

void vm_config_done(struct vm_config *v);
/*
 * Loads the configuration, chooses the accelerator, and checks that every program and
 * image is there: errors name the key and the file.
 */
int vm_config_load(const struct rt *rt, const char *id, struct vm_config *ret, struct err *err);

/* Another number of processors from the start of the VM on, which does not grow by more. */
int vm_config_set_vcpus(struct vm_config *v, uint32_t vcpus, struct err *err);

/* The directory of templates and spares as the configuration has it, owned by the caller. */
int vm_config_factory(const struct rt *rt, char **ret, struct err *err);

/* Of the configuration only `devices`, `reconnect` and `setup.hypervisor`; *ret (empty before) is for vm_config_done(). */
int vm_config_devices(const struct rt *rt, struct vm_config *ret, struct err *err);

/* The directory of direct volumes as the configuration has it, owned by the caller. */
int vm_config_volumes(const struct rt *rt, char **ret, struct err *err);

/* ---- its parts, for `moat check` ---- */

/* A program or image without which no VM starts. */
struct vm_file {
	const char *key; /* its name in messages: the configuration's key, or the program of ours */
	const char *path; /* borrowed */
	bool program;
};

enum {
	VM_FILE_MONITOR,
	VM_FILE_STANDIN,
	VM_FILE_QEMU,
	VM_FILE_VIRTIOFSD,
	VM_FILE_KERNEL,
	VM_FILE_INITRD,
	VM_FILES
};

/* Fills in all of them; how many of the first are needed (the fake hypervisor has only ours). */
size_t vm_config_files(const struct moat_config *c, const struct moat_paths *p,
		       struct vm_file ret[VM_FILES]);
int vm_config_need(const struct vm_file *f, struct err *err);

#define VM_VSOCK_DEVICE "/dev/vhost-vsock"
#define VM_VHOST_NET_DEVICE "/dev/vhost-net"

/* Whether the agent is reached over vsock, with that device on the host. */
int vm_config_channel(const struct moat_config *c, const struct hv_ops *ops, const char *device,
		      bool *ret_vsock, struct err *err);

#endif
