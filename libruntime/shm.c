/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/shm.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

#define SHM_DIR "/dev/shm"

static bool is_empty(int fd)
{
	_close_ int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ char **names = NULL;

	return dir >= 0 && path_list(dir, &names, NULL) >= 0 && strv_len(names) == 0;
}

void shm_look(const struct oci_mount *m, int fd, bool must_be_empty, struct shm *ret)
{
	struct statx st;
	struct statfs fs;

	*ret = (struct shm){ .name = "" };
	if (strcmp(m->destination, SHM_DIR) != 0 || fstatfs(fd, &fs) < 0 ||
	    fs.f_type != TMPFS_MAGIC || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0 ||
	    !S_ISDIR(st.stx_mode) || !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	    (must_be_empty && !is_empty(fd)))
		return;
	snprintf(ret->name, sizeof(ret->name), "%x.%x.%llx", st.stx_dev_major, st.stx_dev_minor,
		 (unsigned long long)st.stx_ino);
	ret->size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	ret->mode = st.stx_mode & 07777;
	ret->uid = st.stx_uid;
	ret->gid = st.stx_gid;
}

json_t *shm_describe(const struct shm *s, size_t index)
{
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I}", "index", (json_int_t)index, "memory",
			 s->name, "size", (json_int_t)s->size, "mode", (json_int_t)s->mode, "uid",
			 (json_int_t)s->uid, "gid", (json_int_t)s->gid);
}
