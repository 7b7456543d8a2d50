/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/network_vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/str.h"

#define SOCKET_NAME "vhu.sock"

static int check_owner(const struct stat *st, const char *path, bool way, struct err *err)
{
	return path_check_owner(st, way, err) < 0 ? err_wrap(err, "'%s'", path) : 0;
}

/* The socket for one address. 0 with *ret NULL: it has no directory there. */
static int find_one(const char *base, const char *address, char **ret, struct err *err)
{
	_free_ char *dir = str_printf("%s/vhostuser_%.*s", base, (int)strcspn(address, "/"),
				      address);
	_free_ char *socket = dir ? str_printf("%s/%s", dir, SOCKET_NAME) : NULL;
	struct stat st;
	int r;

	if (!socket)
		return err_errno(err, ENOMEM, "network");
	if (lstat(dir, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "'%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "'%s' is not a directory", dir);
	r = check_owner(&st, dir, false, err);
	if (r >= 0 && stat(base, &st) < 0)
		r = err_errno(err, errno, "'%s'", base);
	if (r >= 0)
		r = check_owner(&st, base, true, err);
	if (r < 0)
		return r;
	if (lstat(socket, &st) < 0)
		return err_errno(err, errno, "socket '%s' (does its switch run?)", socket);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ENOTSOCK, "'%s' is not a socket", socket);
	*ret = take_ptr(socket);
	return 0;
}

int network_find_sockets(struct network *n, const char *path, struct err *err)
{
	for (size_t i = 0; i < n->n && *path; i++) {
		struct network_interface *v = &n->v[i];
		json_t *address;
		size_t k;

		json_array_foreach(v->addresses, k, address) {
			if (v->socket)
				break;
			if (find_one(path, json_string_value(address), &v->socket, err) < 0)
				return err_wrap(err, "network interface %s", v->name);
		}
	}
	return 0;
}

int network_connect_socket(struct network_interface *i, struct err *err)
{
	int fd = sock_connect_at(AT_FDCWD, i->socket, err);

	if (fd < 0)
		return err_wrap(err, "network interface %s: vhost-user switch", i->name);
	i->tap = fd;
	return 0;
}
