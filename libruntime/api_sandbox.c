/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat.h: the Sandbox API. A virtual machine belongs to the container that it was made for; here that is one of ours, whose program
 * waits. Everything else is done to containers, one after the other.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "config/paths.h"
#include "libruntime/api.h"
#include "libruntime/creation.h"
#include "libruntime/store.h"
#include "oci/validate.h"
#include "wire/setup_msg.h"

#define PAUSE_PROGRAM "/pause"
#define REAP_MS 10000

/* ---- create ---- */

/* Nothing but mount points, in the state directory, and so gone with it. */
static char *root_of(const struct rt *rt, const char *id, struct err *err)
{
	_close_ int root_fd = store_open(rt->root, true, err);
	char root[PATH_MAX], *path;

	if (root_fd < 0 || store_path(root_fd, root, err) < 0)
		return NULL;
	path = str_printf("%s/%s/" CREATION_ROOT, root, id);
	if (!path)
		err_errno(err, ENOMEM, "sandbox");
	return path;
}

static int create_own(const struct moat *m, const char *id, const char *netns, struct err *err)
{
	static const char *const args[] = { PAUSE_PROGRAM, SETUP_PAUSE, NULL };
	_cleanup_(moat_paths_done) struct moat_paths paths = {};
	_free_ char *root = NULL;
	struct moat_process *p;
	struct moat_spec *s;
	int r = oci_id_validate(id, err);

	if (r >= 0)
		r = moat_paths(&paths, err);
	if (r < 0)
		return r;
	root = root_of(&m->rt, id, err);
	if (!root)
		return -err->code;
	s = moat_spec_new(id);
	if (s)
		s->own_root = true;
	p = moat_spec_process(s);
	moat_spec_set_rootfs(s, root, true);
	moat_spec_add_mount(s, PAUSE_PROGRAM, "bind", paths.standin, "ro");
	if (netns)
		moat_spec_set_namespace(s, "network", netns);
	moat_process_set_args(p, args);
	moat_process_set_stdio(p, -1, -1, -1);
	r = moat_container_create(m, NULL, s, NULL, (struct moat_error *)err);
	moat_spec_free(s);
	return r;
}

int moat_sandbox_create(const struct moat *m, const char *id, const char *netns,
			const struct moat_spec *const *specs, size_t n, struct moat_error *err)
{
	struct moat_error failure = {};
	int r;

	r = api_ready(m, api_err(&failure));
	if (r >= 0)
		r = create_own(m, id, netns, api_err(&failure));
	if (r < 0) {
		if (err)
			*err = failure;
		return r;
	}
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = moat_container_create(m, id, specs[i], NULL, &failure);
	if (r >= 0)
		return 0;
	(void)moat_sandbox_delete(m, id, true, NULL);
	if (err)
		*err = failure;
	return r;
}

/* ---- what is in it ---- */

static void free_shallow(struct moat_sandbox_status *s)
{
	if (s)
		free(s->containers);
	free(s);
}

void moat_sandbox_status_free(struct moat_sandbox_status *s)
{
	int saved = errno;

	if (s)
		moat_status_list_free(s->containers);
	free(s);
	errno = saved;
}

void moat_sandbox_list_free(struct moat_sandbox_status **list)
{
	int saved = errno;

	for (struct moat_sandbox_status **s = list; s && *s; s++)
		moat_sandbox_status_free(*s);
	free(list);
	errno = saved;
}

/* Moves those of the list that are in the sandbox to a new one, itself first; what stays moves together. */
static struct moat_sandbox_status *gather(const char *id, struct moat_status **list)
{
	struct moat_sandbox_status *s = calloc(1, sizeof(*s));
	struct moat_status **from, **to = list;
	size_t all = 0;

	for (from = list; *from; from++)
		all++;
	if (s)
		s->containers = calloc(all + 1, sizeof(struct moat_status *));
	if (!s || !s->containers) {
		free_shallow(s);
		return NULL;
	}
	/* It may be gone, and others have outlived it. */
	for (from = list; *from; from++)
		if (strcmp((*from)->id, id) == 0 && strcmp((*from)->sandbox, id) == 0)
			s->containers[s->n++] = *from;
	for (from = list; *from; from++) {
		if (strcmp((*from)->sandbox, id) != 0)
			*to++ = *from;
		else if (strcmp((*from)->id, id) != 0)
			s->containers[s->n++] = *from;
	}
	*to = NULL;
	return s;
}

static enum moat_state state_of(const struct moat_sandbox_status *s)
{
	enum moat_state own = s->containers[0]->state;
	bool paused = false;

	for (size_t i = 0; i < s->n; i++) {
		if (s->containers[i]->state == MOAT_RUNNING)
			return own == MOAT_PAUSED ? MOAT_RUNNING : own;
		paused = paused || s->containers[i]->state == MOAT_PAUSED;
	}
	return paused ? MOAT_PAUSED : own;
}

/* Is that a sandbox, and not a container in another one? *member (may be NULL): it is that. */
static int check_own(const struct moat *m, const char *id, bool *member, struct err *err)
{
	struct moat_status *own = NULL;
	int r = moat_container_status(m, id, &own, (struct moat_error *)err);
	bool in_other = r >= 0 && strcmp(own->sandbox, id) != 0;

	if (member)
		*member = in_other;
	if (in_other)
		r = err_set(err, EINVAL, "'%s' is a container in sandbox '%s'", id, own->sandbox);
	moat_status_free(own);
	return r;
}

/* All in it, also if it is gone and they have outlived it; perhaps nobody. */
static int members(const struct moat *m, const char *id, struct moat_sandbox_status **ret,
		   struct err *err)
{
	struct moat_status **all = NULL;
	int r = moat_container_list(m, &all, (struct moat_error *)err);

	if (r < 0)
		return r;
	*ret = gather(id, all);
	moat_status_list_free(all);
	return *ret ? 0 : err_errno(err, ENOMEM, "sandbox");
}

static bool has_own(const struct moat_sandbox_status *s, const char *id)
{
	return s->n > 0 && strcmp(s->containers[0]->id, id) == 0;
}

static int look(const struct moat *m, const char *id, struct moat_sandbox_status **ret,
		struct err *err)
{
	struct moat_sandbox_status *s;
	int r = check_own(m, id, NULL, err);

	if (r >= 0)
		r = members(m, id, &s, err);
	if (r < 0)
		return r;
	if (!has_own(s, id)) {
		moat_sandbox_status_free(s);
		return err_set(err, ENOENT, "container does not exist");
	}
	s->id = s->containers[0]->id;
	s->state = state_of(s);
	*ret = s;
	return 0;
}

int moat_sandbox_status(const struct moat *m, const char *id, struct moat_sandbox_status **ret,
			struct moat_error *err)
{
	return look(m, id, ret, api_err(err));
}

/* Takes the list apart. */
static int group(struct moat_status **all, struct moat_sandbox_status **list, struct err *err)
{
	size_t n = 0;

	while (*all) {
		struct moat_sandbox_status *s = gather((*all)->sandbox, all);

		if (!s)
			return err_errno(err, ENOMEM, "list");
		s->id = s->containers[0]->sandbox;
		s->state = strcmp(s->containers[0]->id, s->id) == 0 ? state_of(s) : MOAT_STOPPED;
		list[n++] = s;
	}
	return 0;
}

int moat_sandbox_list(const struct moat *m, struct moat_sandbox_status ***ret,
		      struct moat_error *err)
{
	struct moat_sandbox_status **list;
	struct moat_status **all;
	size_t n = 0;
	int r;

	r = moat_container_list(m, &all, err);
	if (r < 0)
		return r;
	while (all[n])
		n++;
	list = calloc(n + 1, sizeof(struct moat_sandbox_status *));
	r = list ? group(all, list, api_err(err)) : err_errno(api_err(err), ENOMEM, "list");
	moat_status_list_free(all);
	if (r < 0)
		moat_sandbox_list_free(list);
	else
		*ret = list;
	return r;
}

/* ---- what is done to all of them ---- */

int moat_sandbox_start(const struct moat *m, const char *id, struct moat_error *err)
{
	struct moat_sandbox_status *s;
	int r = look(m, id, &s, api_err(err));

	if (r < 0)
		return r;
	if (s->containers[0]->state == MOAT_STOPPED)
		r = err_set(api_err(err), ESRCH, "cannot start a container that has stopped");
	for (size_t i = 0; r >= 0 && i < s->n; i++)
		if (s->containers[i]->state == MOAT_CREATED)
			r = moat_container_start(m, s->containers[i]->id, err);
	moat_sandbox_status_free(s);
	return r;
}

int moat_sandbox_run(const struct moat *m, const char *id, const char *netns,
		     const struct moat_spec *const *specs, size_t n, struct moat_error *err)
{
	int r = moat_sandbox_create(m, id, netns, specs, n, err);

	if (r < 0)
		return r;
	r = moat_sandbox_start(m, id, err);
	if (r < 0)
		(void)moat_sandbox_delete(m, id, true, NULL);
	return r;
}

/*
 * The stand-in of the sandbox is process 1 of a namespace that others may share, and does not end before somebody has waited for each
 * of them: here it is us whose children they are.
 */
static void reap(const struct moat *m, const char *id, const struct moat_sandbox_status *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->containers[i]->id, id) != 0)
			(void)moat_container_wait(m, s->containers[i]->id, REAP_MS, NULL, NULL);
}

int moat_sandbox_stop(const struct moat *m, const char *id, int timeout_ms, struct moat_error *err)
{
	struct moat_sandbox_status *s;
	int r = look(m, id, &s, api_err(err));

	if (r < 0)
		return r;
	for (size_t i = s->n; r >= 0 && i > 1; i--)
		r = moat_container_stop(m, s->containers[i - 1]->id, timeout_ms, err);
	/* The machine goes last. */
	if (r >= 0)
		reap(m, id, s);
	if (r >= 0)
		r = moat_container_stop(m, id, timeout_ms, err);
	moat_sandbox_status_free(s);
	return r;
}

/* What has been done is undone if one of them fails. */
static int change(const struct moat *m, const char *id, enum moat_state from,
		  int (*fn)(const struct moat *m, const char *id, struct moat_error *err),
		  int (*undo)(const struct moat *m, const char *id, struct moat_error *err),
		  const char *wrong, struct moat_error *err)
{
	struct moat_sandbox_status *s;
	size_t i, done = 0;
	int r = look(m, id, &s, api_err(err));

	if (r < 0)
		return r;
	for (i = s->n; r >= 0 && i > 0; i--)
		if (s->containers[i - 1]->state == from) {
			r = fn(m, s->containers[i - 1]->id, err);
			done += r >= 0;
		}
	if (r >= 0 && !done)
		r = err_set(api_err(err), EBUSY, "%s", wrong);
	if (r < 0 && done)
		for (i += 1; i < s->n; i++)
			if (s->containers[i]->state == from)
				(void)undo(m, s->containers[i]->id, NULL);
	moat_sandbox_status_free(s);
	return r;
}

int moat_sandbox_pause(const struct moat *m, const char *id, struct moat_error *err)
{
	return change(m, id, MOAT_RUNNING, moat_container_pause, moat_container_resume,
		      "nothing runs in the sandbox", err);
}

int moat_sandbox_resume(const struct moat *m, const char *id, struct moat_error *err)
{
	return change(m, id, MOAT_PAUSED, moat_container_resume, moat_container_pause,
		      "nothing is paused in the sandbox", err);
}

static int check_stopped(const char *id, const struct moat_sandbox_status *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		enum moat_state state = s->containers[i]->state;

		if (state == MOAT_RUNNING || state == MOAT_PAUSED || state == MOAT_CREATING)
			return err_set(
				err, EBUSY,
				"cannot delete sandbox %s that is not stopped: container %s is %s",
				id, s->containers[i]->id, moat_state_name(state));
	}
	return 0;
}

/* Without the machine the others are stopped, which spares waiting for a guest. */
static int delete_all(const struct moat *m, const char *id, const struct moat_sandbox_status *s,
		      bool force, struct moat_error *err)
{
	int r = 0;

	(void)moat_container_kill(m, id, SIGKILL, true, NULL);
	reap(m, id, s);
	for (size_t i = 0; r >= 0 && i < s->n; i++)
		r = moat_container_delete(m, s->containers[i]->id, force, err);
	return r;
}

int moat_sandbox_delete(const struct moat *m, const char *id, bool force, struct moat_error *err)
{
	struct moat_sandbox_status *s;
	bool member;
	int own = check_own(m, id, &member, api_err(err)), r;

	if (member)
		return own;
	r = members(m, id, &s, api_err(err));
	if (r < 0)
		return r;
	if (s->n == 0 && own == -ENOENT)
		r = force ? 0 : err_set(api_err(err), ENOENT, "container does not exist");
	else if (s->n == 0)
		/* Half-made: then there is nothing in it. */
		r = force ? moat_container_delete(m, id, true, err) : own;
	else if (force || (r = check_stopped(id, s, api_err(err))) >= 0)
		r = delete_all(m, id, s, force, err);
	moat_sandbox_status_free(s);
	return r;
}
