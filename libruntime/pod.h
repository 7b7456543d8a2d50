/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In whose virtual machine a container is to live: its own, or that of a sandbox which annotations name (oci/pod.h) or to which the
 * namespaces lead that config.json names by path. A path leads to a container if it is a namespace of that one's stand-in.
 * Only looks: nothing is locked, so the sandbox may be gone a moment later.
 */
#ifndef MOAT_LIBRUNTIME_POD_H
#define MOAT_LIBRUNTIME_POD_H

#include <jansson.h>

#include "base/err.h"
#include "libruntime/runtime.h"
#include "libruntime/state.h"
#include "oci/config.h"

enum pod_namespace { POD_NETWORK, POD_IPC, POD_UTS, POD_PID, POD_NAMESPACES };

struct pod {
	char *sandbox; /* the container whose VM is joined; NULL: a VM of its own, and nothing below is set */
	int dir; /* its state directory */
	struct state_process monitor;
	int monitor_pidfd;
	char *owner[POD_NAMESPACES]; /* who in that VM has the namespace that is to be shared; NULL: nobody */
	int pidns; /* the one to be shared on the host; -EBADF: none */
};

#define POD_INIT                                                         \
	{                                                                \
		.dir = -EBADF, .monitor_pidfd = -EBADF, .pidns = -EBADF, \
	}

/* For the new container `id`; sandbox: the one to join, whatever annotations say, or NULL. Errors name the annotation or the namespace. */
int pod_find(const struct rt *rt, const char *id, const char *sandbox, const struct oci_config *c,
	     struct pod *ret, struct err *err);
void pod_done(struct pod *p);
/* Who owns what is to be shared, by type, for the agent. NULL on ENOMEM. */
json_t *pod_describe(const struct pod *p);
/* The path that config.json gives, NULL without one. */
const char *pod_namespace_path(const struct oci_config *c, enum pod_namespace type);

#endif
