/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.sysctl. Keys come as sysctl(8) takes them: "net.ipv4.ip_forward", or
 * with the first separator a slash "net/ipv4/conf/eth0.100/forwarding", where
 * dots are part of a name. In the dotted form a slash stands for such a dot.
 */
#ifndef MOAT_OCI_SYSCTL_H
#define MOAT_OCI_SYSCTL_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/config.h"

/*
 * The path below /proc/sys, owned by the caller: relative, every component
 * between slashes a plain name. 0, -EINVAL for what is no key, -ENOMEM.
 */
int oci_sysctl_path(const char *key, char **ret);

/* True if that path is a parameter of the IPC namespace. */
bool oci_sysctl_is_ipc(const char *path);

/* Checks linux.sysctl: only what belongs to a namespace of the container, nothing of the VM's own. */
int oci_sysctl_validate(const struct oci_config *c, struct err *err);

#endif
