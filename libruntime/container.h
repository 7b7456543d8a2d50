/* SPDX-License-Identifier: Apache-2.0 */
/* An existing container as the verbs open it: directory, record, and what it is doing. */
#ifndef MOAT_LIBRUNTIME_CONTAINER_H
#define MOAT_LIBRUNTIME_CONTAINER_H

#include <stdbool.h>

#include "libruntime/runtime.h"
#include "libruntime/state.h"
#include "libruntime/status.h"

#define LOCK_MS 10000

struct container {
	int root_fd, dir; /* dir is locked if asked for */
	struct state state;
	enum status status;
};

/*
 * lock: exclusive against other commands that change it; what another command is creating is opened
 * without, with that status. Errors in runc's words.
 */
int container_open(const struct rt *rt, const char *id, bool lock, struct container *ret,
		   struct err *err);
void container_close(struct container *c);
/*
 * The locked directory of an id; or, with *ret_creating set, one without the lock: nothing can be done with what is
 * still being created, and who waited for it could have been called by a hook that create waits for.
 */
int container_lock(int root_fd, const char *id, bool *ret_creating, struct err *err);
/* Records a transition that the monitor has confirmed. */
int container_set_phase(struct container *c, enum status status, struct err *err);
/* Its config.json as the state directory has it: that of create, with what update has changed. *ret is the caller's. */
int container_config(int dir, json_t **ret, struct err *err);
/* A request about this container; params (taken, may be NULL) gets its id. */
int container_request(struct container *c, const char *method, json_t *params, int timeout_ms,
		      json_t **ret, struct err *err);

#endif
