/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/hooks.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "libruntime/hook_world.h"
#include "oci/hook.h"
#include "oci/state.h"

static json_t *state_for(const struct state *s, const char *status, pid_t pid)
{
	return oci_state_json(&(struct oci_state){
		.id = s->id,
		.status = status,
		.pid = pid,
		.bundle = s->bundle,
		.annotations = s->annotations,
	});
}

#define RUN(hooks_, list, name_) .name = (name_), .hooks = (hooks_)->list, .n = (hooks_)->n_##list

int hooks_create(const struct state *s, const struct oci_config *c, int standin_pidfd,
		 bool *ret_ran, struct err *err)
{
	struct hook_world world = { s->rootfs, c->root.readonly };
	const struct oci_hooks *h = c->hooks;
	_json_ json_t *state = NULL;
	int r;

	if (!h)
		return 0;
	const struct oci_hook_run runs[] = {
		{ RUN(h, prestart, "prestart"), .cwd = s->bundle },
		{ RUN(h, create_runtime, "createRuntime"), .cwd = s->bundle },
		{ RUN(h, create_container, "createContainer"), .cwd = s->rootfs,
		  .enter = hook_world_enter, .data = &world, .enter_fd = standin_pidfd },
	};

	*ret_ran = true;
	state = state_for(s, "creating", s->standin.pid);
	r = state ? 0 : err_errno(err, ENOMEM, "hooks");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(runs); i++)
		r = oci_hooks_run(&runs[i], state, err);
	return r < 0 ? err_wrap(err,
				"unable to start container process: error during container init") :
		       0;
}

void hooks_poststart(const struct state *s, const struct oci_config *c)
{
	_json_ json_t *state = state_for(s, "running", s->standin.pid);

	oci_hooks_run_all(&(struct oci_hook_run){ RUN(c->hooks, poststart, "poststart"),
						  .cwd = s->bundle },
			  state);
}

void hooks_poststop(const struct state *s, const struct oci_config *c)
{
	_json_ json_t *state = state_for(s, "stopped", 0);

	oci_hooks_run_all(&(struct oci_hook_run){ RUN(c->hooks, poststop, "poststop"),
						  .cwd = s->bundle },
			  state);
}

json_t *hooks_start_state(const struct state *s, const struct oci_config *c)
{
	/* The pid is the agent's to fill in. */
	return c->hooks && c->hooks->n_start_container ? state_for(s, "created", 1) : NULL;
}

struct oci_config *hooks_load(int dir)
{
	struct oci_config *c = NULL;
	struct err err = {};
	int r = oci_config_load(dir, NULL, NULL, &c, &err);

	if (r < 0 && r != -ENOENT)
		log_warn("hooks are not run: %s", err.msg);
	if (r < 0 || c->hooks)
		return c;
	oci_config_free(c);
	return NULL;
}
