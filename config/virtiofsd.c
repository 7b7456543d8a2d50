/* SPDX-License-Identifier: Apache-2.0 */
#include "config/virtiofsd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/* The option that only the Rust program has stands in its text; asking it by running it would cost a process start. */
int virtiofsd_probe(const char *path, enum virtiofsd_kind *ret, struct err *err)
{
	static const char option[] = "shared-dir";
	_cleanup_(io_unmap) struct io_map m = { 0 };
	int r = io_map(path, &m, err);

	if (r < 0)
		return err_wrap(err, "virtio_fs_daemon");
	if (m.len == 0 || access(path, X_OK) < 0)
		return err_set(err, EACCES, "virtio_fs_daemon '%s': not an executable file", path);
	*ret = memmem(m.data, m.len, option, sizeof(option) - 1) ? VIRTIOFSD_RUST : VIRTIOFSD_C;
	return 0;
}
