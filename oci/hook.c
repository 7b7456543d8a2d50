/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/hook.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/run.h"

/* One line for a message: what the hook said, whatever bytes. */
static void clean(char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == '\n')
		s[--n] = '\0';
	for (; *s; s++) {
		if (*s == '\n' || *s == '\t' || *s == '\r')
			*s = ' ';
		else if ((unsigned char)*s < ' ' || (unsigned char)*s >= 0x7f)
			*s = '?';
	}
}

static void describe_end(int status, char *text, size_t size)
{
	const char *name = WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : NULL;

	if (WIFEXITED(status))
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
	else if (name)
		snprintf(text, size, "signal: %c%s%s", tolower((unsigned char)name[0]), name + 1,
			 WCOREDUMP(status) ? " (core dumped)" : "");
	else
		snprintf(text, size, "signal: signal %d", WTERMSIG(status));
}

static int run_one(const struct oci_hook_run *r, const struct oci_hook *h, const char *state,
		   struct err *err)
{
	char *const path_only[] = { h->path, NULL };
	struct run_result result;
	char end[64];
	int rc;

	rc = run_program(
		&(struct run){
			.path = h->path,
			.argv = h->args && h->args[0] ? h->args : path_only,
			.envp = h->env,
			.cwd = r->cwd,
			.input = state,
			.timeout_ms = !h->has_timeout             ? -1 :
				      h->timeout > INT_MAX / 1000 ? INT_MAX :
								    h->timeout * 1000,
			.prepare = r->enter,
			.data = r->data,
			.prepare_fd = r->enter_fd,
		},
		&result, NULL);
	if (rc < 0)
		return err_errno(err, -rc, "%s %s", rc == -ECHILD ? "wait for" : "fork/exec",
				 h->path);
	if (result.timed_out)
		return err_set(err, ETIMEDOUT, "hook ran past specified timeout of %d.0s",
			       h->timeout);
	if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0)
		return 0;
	describe_end(result.status, end, sizeof(end));
	clean(result.out);
	clean(result.errors);
	return err_set(err, ECHILD, "%s, stdout: %.128s, stderr: %s", end, result.out,
		       result.errors);
}

static int run(const struct oci_hook_run *r, const json_t *state, bool all, struct err *err)
{
	_free_ char *text = r->n ? js_dump(state) : NULL;

	if (r->n && !text)
		return err_errno(err, ENOMEM, "error running %s hooks", r->name);
	for (size_t i = 0; i < r->n; i++) {
		struct err why = { 0 };
		int rc = run_one(r, &r->hooks[i], text, &why);

		if (rc >= 0)
			continue;
		if (!all)
			return err_set(err, why.code, "error running %s hook #%zu: %s", r->name, i,
				       why.msg);
		log_warn("error running %s hook #%zu: %s", r->name, i, why.msg);
	}
	return 0;
}

int oci_hooks_run(const struct oci_hook_run *r, const json_t *state, struct err *err)
{
	return run(r, state, false, err);
}

void oci_hooks_run_all(const struct oci_hook_run *r, const json_t *state)
{
	struct err err;

	if (run(r, state, true, &err) < 0)
		log_warn("%s", err.msg);
}

int oci_hooks_timeout(const struct oci_hook *hooks, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (!hooks[i].has_timeout)
			return -1;
		sum += (int64_t)hooks[i].timeout * 1000;
	}
	return sum > INT_MAX ? -1 : (int)sum;
}
