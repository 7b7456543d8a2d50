/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that callers call privileged. Config.json has no word for that: their device rules allow everything, and
 * docker, podman and containerd list the nodes of all devices that the host has, which a VM neither can nor should have.
 */
#ifndef MOAT_DEVICES_PRIVILEGED_H
#define MOAT_DEVICES_PRIVILEGED_H

#include "base/err.h"
#include "devices/plan.h"
#include "oci/config.h"

/*
 * Takes the entries of linux.devices that are devices of the host under the host's own path out of such a container's
 * configuration, but for those that every guest has, and says so in the log. c->tree is another one afterwards: what
 * the caller has is not changed. -ENOMEM.
 */
int dev_leave_out_hosts(struct oci_config *c, const struct dev_options *o, struct err *err);

#endif
