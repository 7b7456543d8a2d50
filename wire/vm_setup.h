/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a VM that the command gives to the monitor in `setup`:
 * configuration already resolved, so that the monitor reads no file of the
 * administrator's and knows no default. Strings are owned by the struct.
 */
#ifndef MOAT_WIRE_VM_SETUP_H
#define MOAT_WIRE_VM_SETUP_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define VM_TEMPLATE_SAVE "save" /* boot a VM without devices, to be saved on request */
#define VM_TEMPLATE_RESTORE "restore" /* start from what was saved */
/* Code of the error with which every request fails that waits for a VM which did not come up from its template. */
#define VM_TEMPLATE_FAILED ENOTRECOVERABLE
#define VM_TEMPLATE_DAMAGED \
	EUCLEAN /* the same, and it was the template's fault: another one may do */

/* A device of the VM besides those that every VM has; its descriptor, if it has one, comes with the start of the monitor. */
struct vm_device {
	char *kind; /* VM_DEVICE_... */
	uint32_t fd; /* its number in the monitor; 0 for vfio, which the hypervisor opens by name */
	bool readonly; /* block */
	char *mac; /* net, vhost-user-net */
	char *address; /* vfio: of the PCI device on the host */
	uint32_t group; /* vfio: the IOMMU group that it is in */
	uint32_t queues, queue_size; /* vhost-user; 0: the hypervisor's choice */
	char *socket; /* vhost-user: where the target is, a path of the host */
	uint32_t reconnect; /* seconds between attempts to connect to it again; 0: none. Of one that is plugged in later the descriptor is then one to listen at */
};
#define VM_DEVICE_BLOCK "block" /* a block device of the host */
#define VM_DEVICE_FILE "file" /* an image file */
#define VM_DEVICE_VHOST_BLK "vhost-user-blk" /* a connected socket */
#define VM_DEVICE_VHOST_SCSI "vhost-user-scsi"
#define VM_DEVICE_NET "net" /* a tap */
#define VM_DEVICE_VHOST_NET "vhost-user-net" /* a connected socket */
#define VM_DEVICE_VFIO "vfio" /* a PCI device of the host */

struct vm_setup {
	char *id; /* sandbox id */
	char *hypervisor; /* backend name: "qemu", "fake" */
	char *path; /* hypervisor binary; absolute */
	char *machine, *accel, *cpu, *firmware; /* cpu, firmware: NULL = the backend's choice */
	char *kernel, *initrd; /* absolute host paths */
	char *kernel_params; /* the administrator's, appended */
	char *virtiofsd; /* absolute path of the daemon; "": nothing is shared */
	char *virtiofs_cache; /* auto, always, never, metadata */
	char **virtiofsd_args; /* the administrator's, appended */
	char *hostname; /* of the guest */
	uint32_t memory; /* MiB at the start, as vcpus */
	uint32_t vcpus;
	/* What it has without any container's limits, and what it can grow to: see hypervisor/size.h. */
	uint32_t base_memory, base_vcpus, max_memory, max_vcpus;
	uint32_t ports; /* PCIe root ports */
	uint32_t monitor_log_limit, console_log_limit; /* KiB */
	uint32_t boot_timeout; /* seconds until the agent must answer */
	uint32_t uid; /* of the monitor; QEMU gets uid + 1; 0: keep the caller's (fake VM, tests) */
	/* NULL: boot; else two descriptors come with it, see monitor/template.h, and memory is not from hugepages. */
	char *template; /* VM_TEMPLATE_... */
	char *template_sum; /* to restore */
	struct vm_device *devices;
	size_t n_devices;
	bool vhost_net; /* network interfaces are served by the host's kernel, which QEMU asks by /dev/vhost-net in its jail */
	bool vsock; /* agent channel over vsock instead of virtio-serial */
	bool hugepages;
	bool iommu; /* the guest has an IOMMU of its own */
	bool one_thread; /* TCG: virtual processors share a thread */
	bool keep; /* the VM stays when its last container has ended, until a command adopts it */
	bool reclaim; /* memory that the guest has freed goes back to the host */
	bool debug;
};

/* As below, for one that is plugged into a running VM; fd is 0 then. */
json_t *vm_device_to_json(const struct vm_device *v);
int vm_device_from_json(const json_t *tree, struct vm_device *ret, struct err *err);
void vm_device_done(struct vm_device *v);

json_t *vm_setup_to_json(const struct vm_setup *s); /* fresh; NULL on ENOMEM */
int vm_setup_from_json(const json_t *tree, struct vm_setup *ret,
		       struct err *err); /* vm_setup_done() also after failure */
void vm_setup_done(struct vm_setup *s);

#endif
