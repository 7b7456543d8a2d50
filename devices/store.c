/* SPDX-License-Identifier: Apache-2.0 */
/* The directory in which vhost-user devices are named: see using-SPDK-vhostuser-and-kata.md. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/plan.h"

/* The one node with these numbers; whatever else lies there is none of our business. */
static int find_node(const char *dir, dev_t want, char **ret, struct err *err)
{
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ char **names = NULL;
	_free_ char *found = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, errno, "vhost-user store '%s'", dir);
	r = path_list(fd, &names, err);
	if (r < 0)
		return err_wrap(err, "vhost-user store '%s'", dir);
	for (char **n = names; n && *n; n++) {
		if (fstatat(fd, *n, &st, 0) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != want)
			continue;
		if (found)
			return err_set(err, EEXIST, "'%s' and '%s' in %s have the same number %u:%u",
				       found, *n, dir, major(want), minor(want));
		found = strdup(*n);
		if (!found)
			return err_errno(err, ENOMEM, "vhost-user store");
	}
	if (!found)
		return err_set(err, ENOENT,
			       "no block node with number %u:%u in %s (mknod %s/NAME b %u %u)",
			       major(want), minor(want), dir, dir, major(want), minor(want));
	*ret = take_ptr(found);
	return 0;
}

int dev_store_find(const struct dev_options *o, int64_t major, int64_t minor, char **ret_socket,
		   struct err *err)
{
	_free_ char *devices = str_printf("%s/block/devices", o->vhost_user_store_path);
	_free_ char *name = NULL, *socket = NULL;
	struct stat st;
	int r;

	if (!o->vhost_user_store)
		return err_set(
			err, EPERM,
			"block devices with major %lld are vhost-user devices: set enable_vhost_user_store = true "
			"in [hypervisor.qemu]",
			(long long)major);
	if (!devices)
		return err_errno(err, ENOMEM, "vhost-user store");
	r = find_node(devices, makedev((unsigned int)major, (unsigned int)minor), &name, err);
	if (r < 0)
		return r;
	socket = str_printf("%s/block/sockets/%s", o->vhost_user_store_path, name);
	if (!socket)
		return err_errno(err, ENOMEM, "vhost-user store");
	if (stat(socket, &st) < 0)
		return err_errno(err, errno, "socket '%s' of '%s/%s' (does its target run?)",
				 socket, devices, name);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ENOTSOCK, "'%s' is not a socket", socket);
	*ret_socket = take_ptr(socket);
	return 0;
}
