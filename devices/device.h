/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a VM, independent of the hypervisor that attaches them. A
 * device is described completely before it is attached; the manager gives it
 * an id and a PCIe root port and takes both back when it is detached or attaching fails.
 */
#ifndef MOAT_DEVICES_DEVICE_H
#define MOAT_DEVICES_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "devices/vfio.h"

enum device_kind {
	DEVICE_FS, /* virtio-fs: a vhost-user socket connected to virtiofsd */
	DEVICE_VSOCK,
	DEVICE_BLK, /* virtio-blk on a block device or an image file of the host */
	DEVICE_VHOST_BLK, /* virtio-blk whose queues another process serves (SPDK, qemu-storage-daemon) */
	DEVICE_VHOST_SCSI, /* the same for a SCSI controller */
	DEVICE_NET, /* virtio-net on a tap */
	DEVICE_VHOST_NET, /* virtio-net whose queues a switch serves (OVS with DPDK, VPP) */
	DEVICE_VFIO, /* a PCI device of the host */
	DEVICE_KINDS, /* their number */
};

struct device_fs {
	int socket; /* connected to virtiofsd; taken by the device */
	char tag[37]; /* virtio-fs tag, at most 36 bytes */
	uint32_t queue_size; /* entries, power of two */
};

struct device_vsock {
	int vhostfd; /* /dev/vhost-vsock, opened; taken by the device */
	uint32_t cid; /* the guest's context id, 3 or more */
};

struct device_blk {
	int fd; /* opened for what it is to be used for; taken by the device */
	bool host_device; /* a block device, not a file */
	bool readonly;
	uint64_t size; /* bytes; only for hv_ops.grow */
};

struct device_vhost {
	int socket; /* connected to the backend, or listening for it; taken by the device */
	bool listening; /* who serves the device connects there, and again when that has ended */
	uint32_t queues; /* 0: the hypervisor's choice */
	uint32_t queue_size; /* entries, power of two; 0: the hypervisor's choice */
};

struct device_net {
	int tap; /* with IFF_VNET_HDR; taken by the device */
	bool vhost; /* by the host's kernel; the hypervisor opens /dev/vhost-net */
	char mac[18]; /* "52:54:00:12:34:56" */
};

struct device_vhost_net {
	char path[32]; /* of the socket at which the VM process is to listen, as it sees it; who serves the device connects there */
	char mac[18];
	bool no_msix; /* without KVM: QEMU 7.2 crashes when the guest unmasks a vector (kvm_virtio_pci_irqfd_use()) */
};

struct device_vfio {
	char address[VFIO_ADDRESS_SIZE]; /* "0000:01:00.0", on the host */
};

struct device {
	enum device_kind kind;
	char id[32]; /* "fs0": set by devices_add(), never given twice */
	int port; /* index of its root port: set by devices_add() */
	char port_address[16]; /* the port's PCI address in the guest, "0000:00:04.0": set when attaching begins */
	union {
		struct device_fs fs;
		struct device_vsock vsock;
		struct device_blk blk;
		struct device_vhost vhost;
		struct device_net net;
		struct device_vhost_net vhost_net;
		struct device_vfio vfio;
	};
};

/* "virtio-blk", for messages. */
const char *device_kind_name(enum device_kind kind);
/* True if a process of the host maps the guest's memory for it, which then has to be shared. */
bool device_shares_memory(const struct device *dev);
/* The descriptor that the device owns; -EBADF once it is closed, or if it is of a kind that has none. */
int device_fd(const struct device *dev);

/* Closes the descriptor of a device: the hypervisor has its own now (virtiofsd ends when the last one is closed). */
void device_close(struct device *dev);

/* All devices of one VM and who owns which root port. */
struct devices;

int devices_new(unsigned int ports, struct devices **ret, struct err *err);
void devices_free(struct devices *d); /* frees the devices too and closes their descriptors */
/* Copies *dev (descriptors are taken, also on failure), gives it an id and a free port. -ENOSPC names the limit. */
int devices_add(struct devices *d, const struct device *dev, struct device **ret, struct err *err);
/* Gives id and port back, frees the device. */
void devices_remove(struct devices *d, struct device *dev);
struct device *devices_find(struct devices *d, const char *id);

#endif
