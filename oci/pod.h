/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What annotations say about a container's place in a pod: containerd's CRI plugin, CRI-O and dockershim each have names of
 * their own for the same two things, its kind and the id of the sandbox that it belongs to.
 */
#ifndef MOAT_OCI_POD_H
#define MOAT_OCI_POD_H

#include "base/err.h"
#include "oci/config.h"

enum oci_pod_role {
	OCI_POD_NONE, /* no annotation says so */
	OCI_POD_SANDBOX,
	OCI_POD_MEMBER, /* joins a sandbox */
};

struct oci_pod {
	enum oci_pod_role role;
	const char *sandbox; /* a valid id, of a member; borrowed */
	const char *key; /* the annotation that names it, a constant */
};

/* Errors name the annotation. */
int oci_pod_read(const struct oci_config *c, struct oci_pod *ret, struct err *err);

#endif
