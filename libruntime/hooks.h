/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When and where the hooks of config.json run on the host: ARCHITECTURE.md
 * "Hooks". No lock of the container that a hook could need is held while it runs, but create's own, which
 * nobody waits for: container_open().
 */
#ifndef MOAT_LIBRUNTIME_HOOKS_H
#define MOAT_LIBRUNTIME_HOOKS_H

#include "base/err.h"
#include "libruntime/state.h"
#include "oci/config.h"

/*
 * prestart and createRuntime in the runtime namespace, then createContainer in the stand-in's
 * world. *ret_ran tells whether any was tried: then poststop follows whatever happens.
 */
int hooks_create(const struct state *s, const struct oci_config *c, int standin_pidfd,
		 bool *ret_ran, struct err *err);
/* Those two only log what fails. */
void hooks_poststart(const struct state *s, const struct oci_config *c);
void hooks_poststop(const struct state *s, const struct oci_config *c);
/* The state for the startContainer hooks, which the agent runs; NULL if there are none. */
json_t *hooks_start_state(const struct state *s, const struct oci_config *c);
/* The configuration that create kept in the state directory; NULL if it cannot be read, or has no hooks. */
struct oci_config *hooks_load(int dir);

#endif
