/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor behind a small interface. One struct hv is one VM. Everything is
 * asynchronous in the owner's event loop: each operation calls its `done` exactly once,
 * never from inside the call itself, with err->code 0 on success; one that returns an error
 * calls nothing. Operations may be queued; they run in order. When the VM ends, pending
 * operations fail with how it ended, then HV_EVENT_EXITED is the last thing that happens.
 * destroy() may be used in any callback; what is pending is then dropped silently.
 * The backend reaps its own process: the owner waits for the pids that it knows, never for any child.
 *
 * All sizes are MiB unless named otherwise. Descriptors in structs are borrowed
 * unless a comment says "taken".
 */
#ifndef MOAT_HYPERVISOR_HV_H
#define MOAT_HYPERVISOR_HV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"

struct device;
struct hv;

enum hv_event {
	HV_EVENT_EXITED, /* the VM process is gone (text: how) */
	HV_EVENT_GUEST_SHUTDOWN, /* guest powered off or rebooted; the VM process will end */
	HV_EVENT_GUEST_PANIC,
};

enum hv_caps {
	HV_CAP_HOTPLUG = 1 << 0,
	HV_CAP_PAUSE = 1 << 1,
	HV_CAP_VSOCK = 1 << 2,
	HV_CAP_SAVE = 1 << 3, /* save, and starting from what it wrote */
	HV_CAP_GROW = 1 << 4, /* set_memory and add_vcpu */
};

struct hv_config {
	const char *id; /* sandbox id, for -name and messages */
	const char *path; /* the hypervisor's binary as seen in its jail */
	const char *machine; /* "q35" or "microvm" */
	const char *accel; /* "kvm" or "tcg": already decided, see accel.h */
	const char *cpu; /* CPU model; NULL: the backend's choice for the accelerator */
	const char *kernel, *initrd; /* paths as seen in the jail */
	const char *cmdline; /* kernel command line, complete */
	const char *firmware; /* absolute path; NULL: the backend's choice */
	uint32_t memory; /* MiB */
	uint32_t max_memory; /* what set_memory can give it; not more than memory: nothing */
	uint32_t vcpus;
	uint32_t max_vcpus; /* what add_vcpu can give it; not more than vcpus: nothing */
	bool one_thread; /* TCG: virtual processors share a thread, see tcg.h */
	bool shared_memory; /* memory mapped shared: wanted by virtio-fs and vhost-user */
	bool hugepages;
	bool iommu; /* the guest has an IOMMU of its own */
	bool reclaim; /* give memory that the guest has freed back to the host */
	uint32_t vsock_cid; /* 0: agent channel over virtio-serial; else attach a DEVICE_VSOCK */
	uint64_t locked; /* bytes of memory that the VM process may lock: VFIO pins the guest's; 0: the caller's limit */
	uint32_t ports; /* PCIe root ports for devices, each holds one */
	/*
	 * The guest's memory: a file of exactly that size, which the VM maps shared, so that its owner can save it
	 * and fill it. Borrowed until start() has returned; 0: memory of the VM's own.
	 */
	int memory_fd;
	/*
	 * What save() wrote, for a VM with the same description and memory_fd's contents of that moment: it goes on from
	 * there instead of booting. Borrowed until start's done; 0: boot. The memory must be complete before
	 * the loop runs again after start(): filling it takes no longer than the start of the process.
	 */
	int restore_fd;
	bool image_files; /* it may be given files to write, which may be larger than its memory */
	bool debug;
	uid_t uid; /* of the VM process; 0: keep (only for tests) */
	gid_t gid;
	gid_t *groups; /* supplementary groups, e.g. the group of /dev/kvm */
	size_t n_groups;
};

typedef void (*hv_done_fn)(void *data, const struct err *err);
typedef void (*hv_event_fn)(void *data, enum hv_event ev, const char *text);

struct hv_ops {
	const char *name; /* "qemu", "fake" */
	unsigned int caps;
	/* Allocates and stores a copy of everything in cfg. Starts nothing. */
	int (*create)(const struct hv_config *cfg, struct loop *loop, hv_event_fn on_event,
		      void *data, struct hv **ret, struct err *err);
	/* Starts the VM process; done: it answers and the VM is paused before its first, or next, instruction. */
	int (*start)(struct hv *hv, hv_done_fn done, void *data, struct err *err);
	/*
	 * Attaches one device, before or after resume: the same steps, undone if one fails. The device
	 * keeps its port until detached, and must live until done. On success its descriptor is closed here.
	 */
	int (*attach)(struct hv *hv, struct device *dev, hv_done_fn done, void *data,
		      struct err *err);
	int (*detach)(struct hv *hv, struct device *dev, hv_done_fn done, void *data,
		      struct err *err);
	/* The host's side of an attached DEVICE_BLK has grown to dev->blk.size bytes: the guest is told. */
	int (*grow)(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err);
	int (*resume)(struct hv *hv, hv_done_fn done, void *data, struct err *err);
	int (*pause)(struct hv *hv, hv_done_fn done, void *data, struct err *err);
	/*
	 * Offers the guest so much memory (MiB) beyond what it was started with, in place of what was offered before. The guest
	 * takes it, and gives it back, in its own time: done says that it has been told.
	 */
	int (*set_memory)(struct hv *hv, uint32_t more, hv_done_fn done, void *data,
			  struct err *err);
	/* One more virtual processor, which the guest has to put to use. */
	int (*add_vcpu)(struct hv *hv, hv_done_fn done, void *data, struct err *err);
	/*
	 * Pauses the VM and writes everything but its memory to fd, a regular file (borrowed until done), for
	 * restore_fd. Only with HV_CAP_SAVE, memory_fd, and no device attached. The VM stays paused.
	 */
	int (*save)(struct hv *hv, int fd, hv_done_fn done, void *data, struct err *err);
	/*
	 * Asks the VM process to end now, without the guest, ahead of pending operations; HV_EVENT_EXITED follows.
	 * One that does not is killed after 5 s, which needs an owner that still may kill its uid.
	 */
	int (*quit)(struct hv *hv, struct err *err);
	/* The host's end of the agent channel (taken by the caller), valid after start's done; -EBADF for vsock. */
	int (*channel)(struct hv *hv);
	/* The host's end of the serial console (taken by the caller), valid after start returned. */
	int (*console)(struct hv *hv);
	/* What would be started: {"argv": [...]} and the like, for --dry-run and the log. Fresh reference. */
	json_t *(*describe)(const struct hv *hv);
	pid_t (*pid)(const struct hv *hv); /* 0 when not running; always 0 for the fake */
	/* Kills (SIGKILL) and reaps what is left, frees everything. NULL is fine. */
	void (*destroy)(struct hv *hv);
};

/* First member of every backend's VM. */
struct hv {
	const struct hv_ops *ops;
};

extern const struct hv_ops hv_qemu_ops;
extern const struct hv_ops hv_fake_ops;

/* NULL-terminated, and the lookup by name (NULL if unknown). */
extern const struct hv_ops *const hv_backends[];
const struct hv_ops *hv_find(const char *name);

#endif
