/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/state.h"

#include <stdbool.h>

static int set_string(json_t *o, const char *key, const char *value)
{
	return value ? json_object_set_new(o, key, json_string(value)) : 0;
}

json_t *oci_state_json(const struct oci_state *s)
{
	/* For hooks runc writes the specification's object: another order, and no pid once there is none. */
	bool hook = !s->rootfs;
	json_t *o = json_object();
	int r = 0;

	if (!o)
		return NULL;
	r |= set_string(o, "ociVersion", OCI_VERSION);
	r |= set_string(o, "id", s->id);
	if (hook)
		r |= set_string(o, "status", s->status);
	if (!hook || s->pid)
		r |= json_object_set_new(o, "pid", json_integer(s->pid));
	if (!hook)
		r |= set_string(o, "status", s->status);
	r |= set_string(o, "bundle", s->bundle);
	r |= set_string(o, "rootfs", s->rootfs);
	r |= set_string(o, "created", s->created);
	r |= set_string(o, "owner", s->owner);
	if (json_object_size(s->annotations))
		r |= json_object_set_new(o, "annotations", json_deep_copy(s->annotations));
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}
