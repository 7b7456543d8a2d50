/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"

uint32_t userns_outer(const struct oci_id_map *map, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= map[i].container_id && id - map[i].container_id < map[i].size)
			return map[i].host_id + (id - map[i].container_id);
	return USERNS_NONE;
}

/* All of it in one write: the kernel takes no second one. */
static int write_map(const struct agent *a, pid_t pid, const char *file,
		     const struct oci_id_map *map, size_t n, struct err *err)
{
	_buf_ struct buf text = { 0 };
	char path[32];

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%u %u %u\n", map[i].container_id, map[i].host_id, map[i].size);
	if (!buf_ok(&text))
		return err_errno(err, ENOMEM, "%s", file);
	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	return io_write_string(a->proc_fd, path, text.data, err);
}

int userns_map(const struct agent *a, pid_t pid, const struct oci_linux *l, struct err *err)
{
	int r = write_map(a, pid, "uid_map", l->uid_mappings, l->n_uid_mappings, err);

	return r < 0 ? r : write_map(a, pid, "gid_map", l->gid_mappings, l->n_gid_mappings, err);
}

int userns_own_cgroup(int cgroup, const struct oci_linux *l, struct err *err)
{
	/* What the kernel's documentation on delegation names. */
	static const char *const files[] = { ".", "cgroup.procs", "cgroup.threads",
					     "cgroup.subtree_control" };
	uid_t uid = userns_outer(l->uid_mappings, l->n_uid_mappings, 0);
	gid_t gid = userns_outer(l->gid_mappings, l->n_gid_mappings, 0);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (fchownat(cgroup, files[i], uid, gid, 0) < 0)
			return err_errno(err, errno, "give the cgroup to the container's root");
	return 0;
}

int userns_become_root(struct err *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(err, errno, "become root of the user namespace");
	return 0;
}
