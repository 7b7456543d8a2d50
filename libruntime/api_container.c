/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: the Container API, from its creation to its end. What it tells of itself: api_status.c. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/proc.h"
#include "libruntime/api.h"
#include "libruntime/container.h"

#define KILLED_MS 10000 /* for all of a container to be gone after SIGKILL */

/* The stand-in of the sandbox's first process; one that is not there is for create to complain about. */
static pid_t standin_of(const struct rt *rt, const char *sandbox)
{
	struct rt_status s = {};
	pid_t pid;

	if (!sandbox || rt_state(rt, sandbox, &s, NULL) < 0)
		return 0;
	pid = s.pid;
	rt_status_done(&s);
	return pid;
}

int moat_container_create(const struct moat *m, const char *sandbox, const struct moat_spec *s,
			  pid_t *ret_pid, struct moat_error *err)
{
	_json_ json_t *config = NULL;
	struct rt_create args;
	pid_t pid;
	int r;

	r = api_ready(m, api_err(err));
	if (r < 0)
		return r;
	pid = standin_of(&m->rt, sandbox);
	/* A sandbox that is gone has no namespaces to share; that it is gone is the better answer. */
	r = spec_config(s, sandbox && !pid ? getpid() : pid, &config, api_err(err));
	if (r >= 0)
		r = spec_create_args(s, sandbox, config, &args, api_err(err));
	return r < 0 ? r : rt_create(&m->rt, &args, ret_pid, api_err(err));
}

int moat_container_plan(const struct moat *m, const struct moat_spec *s, char **ret,
			struct moat_error *err)
{
	_json_ json_t *config = NULL;
	struct rt_create args;
	json_t *plan;
	int r;

	r = api_ready(m, api_err(err));
	if (r >= 0)
		r = spec_config(s, 0, &config, api_err(err));
	if (r >= 0)
		r = spec_create_args(s, NULL, config, &args, api_err(err));
	if (r >= 0)
		r = rt_dry_run(&m->rt, &args, &plan, api_err(err));
	return r < 0 ? r : api_json(plan, 2, ret, "plan", api_err(err));
}

int moat_container_start(const struct moat *m, const char *id, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_start(&m->rt, id, api_err(err));
}

int moat_container_enter(const struct moat *m, const char *id, const struct moat_process *p,
			 pid_t *ret_pid, struct moat_error *err)
{
	struct rt_exec args;
	int r = api_ready(m, api_err(err));

	if (r < 0)
		return r;
	if (!p)
		return err_errno(api_err(err), ENOMEM, "process");
	if (p->failure.code)
		return err_set(api_err(err), p->failure.code, "%s", p->failure.msg);
	args = p->exec;
	args.id = id;
	args.detach = p->exec.console_fd < 0;
	return rt_exec(&m->rt, &args, ret_pid, api_err(err));
}

int moat_container_kill(const struct moat *m, const char *id, int sig, bool all,
			struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	if (r >= 0 && (sig < 0 || sig > SIGRTMAX))
		r = err_set(api_err(err), EINVAL, "there is no signal %d", sig);
	return r < 0 ? r : rt_kill(&m->rt, id, sig, all, api_err(err));
}

/* Ends one that lives; standin is its pidfd. */
static int end(const struct rt *rt, const char *id, enum status status, int standin, int timeout_ms,
	       struct err *err)
{
	int r;

	/* Process 1 of one that has not been started is the agent's own, and a frozen one does not hear. */
	if (status == STATUS_RUNNING && timeout_ms != 0) {
		r = rt_kill(rt, id, SIGTERM, false, err);
		if (r < 0 && r != -ESRCH)
			return r;
		if (proc_wait_end(standin, timeout_ms) >= 0)
			return 0;
	}
	r = rt_kill(rt, id, SIGKILL, true, err);
	if (r < 0 && r != -ESRCH)
		return r;
	r = proc_wait_end(standin, KILLED_MS);
	return r < 0 ? err_set(err, -r, "container '%s' does not end", id) : 0;
}

int moat_container_stop(const struct moat *m, const char *id, int timeout_ms, struct moat_error *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_close_ int standin = -EBADF;
	int r = api_open(m, id, &c, api_err(err));

	if (r < 0)
		return r;
	standin = status_open_process(&c.state, &c.state.standin);
	if (c.status == STATUS_STOPPED || standin < 0)
		return 0;
	return end(&m->rt, id, c.status, standin, timeout_ms, api_err(err));
}

int moat_container_delete(const struct moat *m, const char *id, bool force, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_delete(&m->rt, id, force, api_err(err));
}

int moat_container_pause(const struct moat *m, const char *id, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_pause(&m->rt, id, api_err(err));
}

int moat_container_resume(const struct moat *m, const char *id, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_resume(&m->rt, id, api_err(err));
}

int moat_container_update(const struct moat *m, const char *id, const char *resources,
			  struct moat_error *err)
{
	_json_ json_t *v = NULL;
	int r = api_ready(m, api_err(err));

	if (r >= 0 && !resources)
		r = err_set(api_err(err), EINVAL, "resources: none");
	if (r >= 0)
		r = js_parse(resources, strlen(resources), NULL, &v, api_err(err));
	if (r >= 0 && !json_is_object(v))
		r = err_set(api_err(err), EINVAL, "resources must be an object");
	return r < 0 ? r : rt_update(&m->rt, id, v, api_err(err));
}

int moat_container_rescan_network(const struct moat *m, const char *id, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_network(&m->rt, id, api_err(err));
}
