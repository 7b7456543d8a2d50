/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/live.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "libruntime/plug.h"

int live_open(const struct rt *rt, const char *id, struct container *ret, struct err *err)
{
	int r = container_open(rt, id, true, ret, err);

	if (r < 0)
		return r;
	return ret->status == STATUS_STOPPED || ret->status == STATUS_CREATING ?
		       err_set(err, ESRCH, "container with id %s is not running", id) :
		       0;
}

int live_given(int dir, const char *section, const char *list, json_t **ret, struct err *err)
{
	_json_ json_t *config = NULL;
	json_t *found;
	int r = container_config(dir, &config, err);

	if (r < 0)
		return r;
	found = json_object_get(section ? json_object_get(config, section) : config, list);
	*ret = json_is_array(found) ? json_incref(found) : json_array();
	return *ret ? 0 : err_errno(err, ENOMEM, "%s", list);
}

/* ---- taking one out ---- */

static int leave(struct container *c, const struct live_exit *e, struct err *err)
{
	int r = e->params ? container_request(c, e->method, e->params, e->timeout_ms, NULL, err) :
			    err_errno(err, ENOMEM, "%s", e->method);

	return r == -ENOENT ? 0 : r;
}

int live_take_out(struct container *c, struct live_exit e, struct err *err)
{
	int r = leave(c, &e, err);

	return r < 0 ? r : plug_out_tagged(c->dir, c->state.id, e.tag, err);
}

int live_remove(struct container *c, bool *ready, struct live_exit e, struct err *err)
{
	int r;

	*ready = false;
	r = state_save(c->dir, &c->state, err);
	if (r < 0) {
		json_decref(e.params);
		return r;
	}
	r = leave(c, &e, err);
	if (r == -EBUSY) {
		/* Nothing has been touched. */
		*ready = true;
		(void)state_save(c->dir, &c->state, NULL);
	}
	return r < 0 ? r : plug_out_tagged(c->dir, c->state.id, e.tag, err);
}

/* ---- the record ---- */

int live_ready(struct container *c, bool *ready, struct err *err)
{
	int r;

	*ready = true;
	r = state_save(c->dir, &c->state, err);
	if (r < 0)
		*ready = false;
	return r;
}

void live_settle(struct container *c, size_t n, bool (*gone)(struct container *c, size_t i))
{
	struct err err = {};
	bool changed = false;

	for (size_t i = n; i-- > 0;)
		changed |= gone(c, i);
	if (changed && state_save(c->dir, &c->state, &err) < 0)
		log_warn("%s", err.msg);
}

void live_forget(void *array, size_t *n, size_t size, size_t i)
{
	char *at = (char *)array + i * size;

	memmove(at, at + size, (*n - i - 1) * size);
	--*n;
}
