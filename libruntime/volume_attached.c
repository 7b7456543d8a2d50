/* SPDX-License-Identifier: Apache-2.0 */
/* Which direct volumes a container has: of its creation, and those that came since. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "devices/volume.h"
#include "libruntime/live.h"
#include "libruntime/volume.h"

/* By the record: what a source was then, and not what is registered now. */
static bool was_volume(const struct state *s, const char *source)
{
	_free_ char *name = NULL;

	if (!source || volume_name(source, &name, NULL) < 0)
		return false;
	for (char **v = s->volumes; v && *v; v++) {
		const char *slash = strrchr(*v, '/');

		if (slash && strcmp(slash + 1, name) == 0)
			return true;
	}
	return false;
}

static int list_given(const struct container *c, json_t *list, struct err *err)
{
	_json_ json_t *given = NULL;
	json_t *v;
	size_t i;
	int r = live_given(c->dir, NULL, "mounts", &given, err);

	if (r < 0)
		return r;
	json_array_foreach(given, i, v) {
		json_t *o;

		if (!was_volume(&c->state, js_get_str(v, "source")))
			continue;
		o = json_deep_copy(v);
		if (!o || json_object_set_new(o, "plugged", json_false()) < 0 ||
		    json_array_append_new(list, o) < 0)
			return err_errno(err, ENOMEM, "volumes");
	}
	return 0;
}

static int list_added(const struct state *s, json_t *list, struct err *err)
{
	for (size_t i = 0; i < s->n_added; i++) {
		const struct state_volume *v = &s->added[i];
		json_t *o;

		if (!v->ready)
			continue;
		o = json_pack("{s:s, s:s, s:o, s:s, s:s, s:b, s:b}", "destination", v->destination,
			      "source", v->source, "options", js_new_strv(v->options), "fstype",
			      v->fstype, "kind", v->kind, "readonly", (int)v->readonly, "plugged",
			      1);
		if (json_array_append_new(list, o) < 0)
			return err_errno(err, ENOMEM, "volumes");
	}
	return 0;
}

int rt_volume_attached(const struct rt *rt, const char *id, json_t **ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_json_ json_t *list = json_array();
	int r;

	if (!list)
		return err_errno(err, ENOMEM, "volumes");
	r = container_open(rt, id, false, &c, err);
	if (r >= 0)
		r = list_given(&c, list, err);
	if (r >= 0)
		r = list_added(&c.state, list, err);
	if (r >= 0)
		*ret = json_incref(list);
	return r;
}
