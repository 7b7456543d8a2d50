/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount namespace of one VM. Its root is a small read-only tmpfs with what
 * QEMU and virtiofsd need to start: the system's libraries and firmware (read-only), the kernel
 * and initramfs, a few device nodes, /proc of the VM's own pid namespace, and
 * the share. None of it exists outside, so nothing can be left behind.
 */
#ifndef MOAT_MONITOR_JAIL_H
#define MOAT_MONITOR_JAIL_H

#include "base/err.h"
#include "wire/vm_setup.h"

#define JAIL_SOCKETS "/vhost" /* a directory of QEMU's, with vhost-user networks only */
#define JAIL_KERNEL "/vm/kernel"
#define JAIL_INITRD "/vm/initrd"

/* Where the new root is put together: a directory that every system has, covered only in this namespace. */
#define JAIL_STAGE "/tmp"

/*
 * Enters a new mount namespace (plus ipc, uts, net and cgroup) with the root described
 * above. The process must be PID 1 of a pid namespace. Errors name the file that is missing.
 * Sources: mount_namespaces(7), pivot_root(2), Documentation/filesystems/sharedsubtree.rst.
 */
int jail_enter(const struct vm_setup *s, struct err *err);

#endif
