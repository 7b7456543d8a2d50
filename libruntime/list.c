/* SPDX-License-Identifier: Apache-2.0 */
/* state and list: read-only, without locks, never waiting for the guest. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "libruntime/container.h"
#include "libruntime/store.h"

void rt_status_done(struct rt_status *s)
{
	free(s->id);
	free(s->status);
	free(s->bundle);
	free(s->rootfs);
	free(s->created);
	free(s->owner);
	free(s->sandbox);
	strv_free(s->interfaces);
	json_decref(s->annotations);
	*s = (struct rt_status){};
}

static char *owner_of(int dir)
{
	struct passwd pw, *found = NULL;
	char buf[1024];
	struct stat st;

	if (fstat(dir, &st) < 0)
		return strdup("");
	if (st.st_uid == 0)
		return strdup("root"); /* nearly always: spares the look-up */
	if (getpwuid_r(st.st_uid, &pw, buf, sizeof(buf), &found) == 0 && found)
		return strdup(pw.pw_name);
	return str_printf("#%u", st.st_uid);
}

static int fill(struct container *c, struct rt_status *ret, struct err *err)
{
	struct rt_status s = {
		.id = take_ptr(c->state.id),
		.bundle = take_ptr(c->state.bundle),
		.rootfs = take_ptr(c->state.rootfs),
		.created = take_ptr(c->state.created),
		.annotations = take_ptr(c->state.annotations),
		.interfaces = take_ptr(c->state.interfaces),
		.status = strdup(status_name(c->status)),
		.owner = owner_of(c->dir),
		.pid = c->status == STATUS_STOPPED ? 0 : c->state.standin.pid,
	};

	s.sandbox = c->state.sandbox ? take_ptr(c->state.sandbox) : strdup(s.id);
	if (!s.status || !s.owner || !s.sandbox) {
		rt_status_done(&s);
		return err_errno(err, ENOMEM, "state");
	}
	*ret = s;
	return 0;
}

int rt_state(const struct rt *rt, const char *id, struct rt_status *ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	int r;

	r = container_open(rt, id, false, &c, err);
	return r < 0 ? r : fill(&c, ret, err);
}

int rt_list(const struct rt *rt, struct rt_status **ret, size_t *ret_n, struct err *err)
{
	_close_ int root_fd = -EBADF;
	struct rt_status *list;
	_strv_ char **ids = NULL;
	struct err one;
	size_t i, n = 0;
	int r;

	*ret = NULL;
	*ret_n = 0;
	root_fd = store_open(rt->root, false, err);
	if (root_fd == -ENOENT)
		return 0;
	r = root_fd < 0 ? root_fd : store_list(root_fd, &ids, err);
	if (r < 0)
		return r;
	list = calloc(strv_len(ids) + 1, sizeof(*list));
	if (!list)
		return err_errno(err, ENOMEM, "list");
	for (i = 0; ids && ids[i]; i++) {
		/* One that vanishes meanwhile or is damaged does not hide the others. */
		if (rt_state(rt, ids[i], &list[n], &one) >= 0)
			n++;
		else if (one.code != ENOENT)
			log_warn("container %s: %s", ids[i], one.msg);
	}
	*ret = list;
	*ret_n = n;
	return 0;
}
