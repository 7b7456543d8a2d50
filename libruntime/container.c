/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/container.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "libruntime/monitor_client.h"
#include "libruntime/store.h"
#include "oci/validate.h"

int container_lock(int root_fd, const char *id, bool *ret_creating, struct err *err)
{
	_cleanup_(state_done) struct state s = {};
	_close_ int dir = -EBADF;
	struct err first = {};
	int fd = store_lock(root_fd, id, 0, &first);

	if (fd >= 0)
		return fd;
	if (fd != -ETIMEDOUT)
		return err_set(err, first.code, "%s", first.msg);
	dir = store_get(root_fd, id, err);
	if (dir >= 0 && state_load(dir, &s, NULL) >= 0 &&
	    status_compute(dir, &s) == STATUS_CREATING) {
		*ret_creating = true;
		return take_fd(dir);
	}
	return store_lock(root_fd, id, LOCK_MS, err);
}

int container_open(const struct rt *rt, const char *id, bool lock, struct container *ret,
		   struct err *err)
{
	struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	bool creating = false;
	int r;

	r = oci_id_validate(id, err);
	if (r < 0)
		return r;
	c.root_fd = store_open(rt->root, false, err);
	if (c.root_fd == -ENOENT)
		return err_set(err, ENOENT, "container does not exist");
	if (c.root_fd < 0)
		return c.root_fd;
	c.dir = lock ? container_lock(c.root_fd, id, &creating, err) : store_get(c.root_fd, id, err);
	r = c.dir < 0 ? c.dir : state_load(c.dir, &c.state, err);
	if (r == -ENOENT && c.dir >= 0)
		r = err_set(
			err, ENOENT,
			"container '%s' is half-made: its state was never written (delete --force clears it)",
			id);
	if (r < 0) {
		container_close(&c);
		return r;
	}
	c.status = creating ? STATUS_CREATING : status_compute(c.dir, &c.state);
	*ret = c;
	return 0;
}

void container_close(struct container *c)
{
	c->dir = fd_close(c->dir);
	c->root_fd = fd_close(c->root_fd);
	state_done(&c->state);
}

int container_set_phase(struct container *c, enum status status, struct err *err)
{
	char *phase = strdup(status_name(status));

	if (!phase)
		return err_errno(err, ENOMEM, "state");
	free(c->state.phase);
	c->state.phase = phase;
	return state_save(c->dir, &c->state, err);
}

int container_config(int dir, json_t **ret, struct err *err)
{
	_free_ char *text = NULL;
	size_t len;
	int r;

	r = io_read_file(dir, "config.json", OCI_CONFIG_MAX_BYTES + 1, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, ret, err);
	return r < 0 ? err_wrap(err, "container's configuration") : 0;
}

int container_request(struct container *c, const char *method, json_t *params, int timeout_ms,
		      json_t **ret, struct err *err)
{
	json_t *obj = params ? params : json_object();
	int r;

	if (!obj || json_object_set_new(obj, "id", json_string(c->state.id)) < 0)
		r = err_errno(err, ENOMEM, "%s", method);
	else
		r = monitor_request(c->dir, method, obj, timeout_ms, ret, err);
	json_decref(obj);
	return r;
}
