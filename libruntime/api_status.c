/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: what a container tells of itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "libruntime/api.h"
#include "libruntime/status.h"
#include "oci/state.h"

/* ---- state ---- */

/* What callers see first, so that one is the other. */
struct kept_status {
	struct moat_status pub; /* borrows from: */
	struct rt_status own;
};

const char *moat_state_name(enum moat_state state)
{
	_Static_assert((int)MOAT_CREATING == (int)STATUS_CREATING &&
			       (int)MOAT_STOPPED == (int)STATUS_STOPPED,
		       "the same states");

	return state > MOAT_STOPPED ? "unknown" : status_name((enum status)state);
}

static enum moat_state state_of(const char *name)
{
	enum moat_state s = MOAT_CREATING;

	while (s < MOAT_STOPPED && strcmp(moat_state_name(s), name) != 0)
		s++;
	return s;
}

/* Takes what is in s. */
static struct moat_status *publish(struct rt_status *s)
{
	static const char *const none[] = { NULL };
	struct kept_status *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->own = *s;
	*s = (struct rt_status){};
	v->pub = (struct moat_status){
		.id = v->own.id,
		.sandbox = v->own.sandbox,
		.state = state_of(v->own.status),
		.pid = v->own.pid,
		.bundle = v->own.bundle,
		.rootfs = v->own.rootfs,
		.created = v->own.created,
		.owner = v->own.owner,
		.interfaces = v->own.interfaces ? (const char *const *)v->own.interfaces : none,
	};
	return &v->pub;
}

void moat_status_free(struct moat_status *s)
{
	int saved = errno;

	if (s)
		rt_status_done(&((struct kept_status *)s)->own);
	free(s);
	errno = saved;
}

void moat_status_list_free(struct moat_status **list)
{
	int saved = errno;

	for (struct moat_status **s = list; s && *s; s++)
		moat_status_free(*s);
	free(list);
	errno = saved;
}

char *moat_status_json(const struct moat_status *s)
{
	const struct kept_status *v = (const struct kept_status *)s;
	const struct oci_state state = { .id = s->id,
					 .status = moat_state_name(s->state),
					 .pid = s->pid,
					 .bundle = s->bundle,
					 .rootfs = s->rootfs,
					 .created = s->created,
					 .owner = s->owner,
					 .annotations = v->own.annotations };
	_json_ json_t *obj = oci_state_json(&state);

	return obj ? js_dump(obj) : NULL;
}

int moat_container_status(const struct moat *m, const char *id, struct moat_status **ret,
			  struct moat_error *err)
{
	_cleanup_(rt_status_done) struct rt_status s = {};
	struct moat_status *v;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_state(&m->rt, id, &s, api_err(err));
	if (r < 0)
		return r;
	v = publish(&s);
	if (!v)
		return err_errno(api_err(err), ENOMEM, "state");
	*ret = v;
	return 0;
}

int moat_container_list(const struct moat *m, struct moat_status ***ret, struct moat_error *err)
{
	struct moat_status **list = NULL;
	struct rt_status *v = NULL;
	size_t n = 0, i;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_list(&m->rt, &v, &n, api_err(err));
	if (r < 0)
		return r;
	list = calloc(n + 1, sizeof(struct moat_status *));
	for (i = 0; list && i < n; i++) {
		list[i] = publish(&v[i]);
		if (!list[i])
			break;
	}
	if (!list || i < n) {
		moat_status_list_free(list);
		list = NULL;
	}
	for (i = 0; i < n; i++)
		rt_status_done(&v[i]);
	free(v);
	if (!list)
		return err_errno(api_err(err), ENOMEM, "list");
	*ret = list;
	return 0;
}

/* ---- processes ---- */

int moat_container_pids(const struct moat *m, const char *id, pid_t **ret, size_t *ret_n,
			struct moat_error *err)
{
	struct rt_pids list = {};
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_pids(&m->rt, id, &list, api_err(err));
	if (r < 0)
		return r;
	*ret = list.pids;
	*ret_n = list.n;
	return 0;
}

void moat_processes_free(struct moat_processes *p)
{
	int saved = errno;

	if (p)
		rt_processes_done(p);
	free(p);
	errno = saved;
}

int moat_container_processes(const struct moat *m, const char *id, struct moat_processes **ret,
			     struct moat_error *err)
{
	struct moat_processes *p;
	int r = api_ready(m, api_err(err));

	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_errno(api_err(err), ENOMEM, "ps");
	r = rt_processes(&m->rt, id, p, api_err(err));
	if (r < 0)
		free(p);
	else
		*ret = p;
	return r;
}

/* ---- counters ---- */

struct watch {
	int (*on_event)(void *data, const char *event, struct moat_error *err);
	void *data;
	char *stats; /* of the one event that was asked for */
};

static int pass_on(void *data, const json_t *event, struct err *err)
{
	_free_ char *text = js_dump(event);
	struct moat_error e = {};
	struct watch *w = data;
	int r;

	if (!text)
		return err_errno(err, ENOMEM, "events");
	r = w->on_event(w->data, text, &e);
	if (r >= 0)
		return 0;
	return e.code ? err_set(err, e.code, "%s", e.msg) : err_errno(err, -r, "events");
}

int moat_container_events(const struct moat *m, const char *id, int64_t interval_ms,
			  int (*on_event)(void *data, const char *event, struct moat_error *err),
			  void *data, struct moat_error *err)
{
	struct watch w = { .on_event = on_event, .data = data };
	const struct rt_events args = { .interval_ms = interval_ms, .on_event = pass_on, .data = &w };
	int r = api_ready(m, api_err(err));

	if (r >= 0 && interval_ms < 0)
		r = err_set(api_err(err), EINVAL, "interval below 0");
	return r < 0 ? r : rt_events(&m->rt, id, &args, api_err(err));
}

static int keep_stats(void *data, const json_t *event, struct err *err)
{
	struct watch *w = data;

	w->stats = js_dump(json_object_get(event, "data"));
	return w->stats ? 0 : err_errno(err, ENOMEM, "stats");
}

int moat_metrics(const struct moat *m, const char *id, char **ret, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_metrics(&m->rt, id, ret, api_err(err));
}

int moat_container_stats(const struct moat *m, const char *id, char **ret, struct moat_error *err)
{
	struct watch w = {};
	const struct rt_events args = { .on_event = keep_stats, .data = &w };
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_events(&m->rt, id, &args, api_err(err));
	if (r >= 0)
		*ret = w.stats;
	return r;
}
