/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

/* 0 or -errno. */
static int write_file(int cgroup, const struct oci_v2_write *w)
{
	_close_ int fd = openat(cgroup, w->file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, w->value, strlen(w->value));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* A limit below what is in use would make the kernel kill at once. */
static int check_usage(int cgroup, const struct oci_memory *m, const char *path, struct err *err)
{
	_close_ int fd = -EBADF;
	char text[32];
	uint64_t usage;
	ssize_t n;

	if (!m || !m->check_before_update || (m->limit <= 0 && m->swap <= 0))
		return 0;
	fd = openat(cgroup, "memory.current", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return 0; /* no memory controller: the limit itself will say so */
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (num_u64(text, 0, UINT64_MAX, &usage) < 0)
		return 0;
	if (m->swap > 0 && (uint64_t)m->swap <= usage)
		return err_set(err, EBUSY,
			       "%s.memory.swap: rejecting memory+swap limit %" PRId64
			       " <= usage %" PRIu64,
			       path, m->swap, usage);
	if (m->limit > 0 && (uint64_t)m->limit <= usage)
		return err_set(err, EBUSY,
			       "%s.memory.limit: rejecting memory limit %" PRId64
			       " <= usage %" PRIu64,
			       path, m->limit, usage);
	return 0;
}

int resources_apply(int cgroup, const struct oci_resources *r, const char *path, struct err *err)
{
	_cleanup_(oci_v2_plan_done) struct oci_v2_plan plan = { 0 };
	int e = r ? check_usage(cgroup, r->memory, path, err) : 0;

	if (e >= 0)
		e = oci_v2_plan(r, path, &plan, err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < plan.n; i++) {
		const struct oci_v2_write *w = &plan.v[i];

		e = write_file(cgroup, w);
		if (e == 0 && (w->flags & OCI_V2_OR_NEXT))
			i++;
		if (e == 0 || (e == -EINVAL && (w->flags & OCI_V2_RETRIED)) ||
		    (e == -ENOENT && (w->flags & (OCI_V2_OPTIONAL | OCI_V2_OR_NEXT))))
			continue;
		return err_errno(err, -e, "%s: failed to write \"%s\" to %s of the guest", w->field,
				 w->value, w->file);
	}
	return 0;
}
