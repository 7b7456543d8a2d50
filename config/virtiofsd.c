/* SPDX-License-Identifier: Apache-2.0 */
#include "config/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The option that only the Rust program has stands in its text; asking it by running it would cost a process start. */
int virtiofsd_probe(const char *path, enum virtiofsd_kind *ret, struct err *err)
{
	static const char option[] = "shared-dir";
	_close_ int fd = -EBADF;
	struct stat st;
	void *map;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "virtio_fs_daemon '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || access(path, X_OK) < 0)
		return err_set(err, EACCES, "virtio_fs_daemon '%s': not an executable file", path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(err, errno, "virtio_fs_daemon '%s'", path);
	*ret = memmem(map, (size_t)st.st_size, option, sizeof(option) - 1) ? VIRTIOFSD_RUST :
									     VIRTIOFSD_C;
	munmap(map, (size_t)st.st_size);
	return 0;
}
