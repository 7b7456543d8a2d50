/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking hold of a volume's device. The lock goes with the open file to QEMU, so it lasts exactly as long as the virtual machine,
 * whatever ends that.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/str.h"
#include "devices/open.h"
#include "devices/volume_plan.h"
#include "wire/vm_setup.h"

#define SYS_BLOCK "/sys/block"
#define LOCK_TRIES 100
#define LOCK_PAUSE_NS 10000000

/* A machine that was killed still has it for moments, and so has udev that of a device at which it looks. */
static int lock(int fd, const struct volume_item *v, struct err *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int how = (v->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, how) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, errno, "lock device '%s'", v->info.device);
		nanosleep(&pause, NULL);
	}
	return err_set(err, EBUSY, "device '%s' is in use: another program holds its lock",
		       v->info.device);
}

/* An image that a loop device of the host shows is perhaps mounted there, and certainly cached. */
static int check_loops(int fd, const struct volume_item *v, struct err *err)
{
	_close_ int dir = open(SYS_BLOCK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ char **names = NULL;
	char real[PATH_MAX], path[300];
	ssize_t n = readlink(path_of_fd(fd).s, real, sizeof(real) - 1);

	if (dir < 0 || n < 0 || path_list(dir, &names, NULL) < 0)
		return 0;
	real[n] = '\0';
	for (char **name = names; name && *name; name++) {
		_free_ char *file = NULL;

		snprintf(path, sizeof(path), "%s/loop/backing_file", *name);
		if (!str_has_prefix(*name, "loop") ||
		    io_read_file(dir, path, PATH_MAX, &file, NULL, NULL) < 0)
			continue;
		file[strcspn(file, "\n")] = '\0';
		if (!strcmp(file, real))
			return err_set(err, EBUSY, "device '%s' is in use on this host: /dev/%s",
				       v->info.device, *name);
	}
	return 0;
}

static int open_file(struct volume_item *v, struct err *err)
{
	struct stat st;
	int r;

	_close_ int fd = open(v->info.device, (v->readonly ? O_RDONLY : O_RDWR) | O_NONBLOCK |
						      O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open device '%s'", v->info.device);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "device '%s' is not a file any more", v->info.device);
	if (st.st_size == 0 || st.st_size % 512)
		return err_set(err, EINVAL, "device '%s' has %lld bytes, not a multiple of 512",
			       v->info.device, (long long)st.st_size);
	r = lock(fd, v, err);
	if (r >= 0 && !v->readonly)
		r = check_loops(fd, v, err);
	if (r >= 0)
		v->fd = take_fd(fd);
	return r;
}

static int open_device(struct volume_item *v, struct err *err)
{
	_close_ int fd = dev_open_block(v->info.device, 0, false, &v->readonly, err);
	int r;

	if (fd < 0)
		return err_wrap(err, "device");
	r = lock(fd, v, err);
	if (r >= 0)
		v->fd = take_fd(fd);
	return r;
}

static int connect_target(struct volume_item *v, struct err *err)
{
	int fd = sock_connect_at(AT_FDCWD, v->info.device, err);

	if (fd < 0)
		return err_wrap(err, "vhost-user target");
	v->fd = fd;
	return 0;
}

int volume_item_open(struct volume_item *v, struct err *err)
{
	if (!strcmp(v->kind, VM_DEVICE_FILE))
		return open_file(v, err);
	if (!strcmp(v->kind, VM_DEVICE_BLOCK))
		return open_device(v, err);
	if (!strcmp(v->kind, VM_DEVICE_VFIO))
		return vfio_check_free(&v->vfio, err);
	return connect_target(v, err);
}

int volume_plan_open(struct volume_plan *p, const struct oci_config *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		struct volume_item *v = &p->v[i];
		const struct oci_mount *m = &c->mounts[v->index];

		r = volume_item_open(v, err);
		if (r < 0)
			err_wrap(err, "mounts[%zu] '%s': volume '%s'", v->index, m->destination,
				 m->source);
	}
	return r;
}
