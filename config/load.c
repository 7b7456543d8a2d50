/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: whether it can be trusted, and the paths that follow from the installation. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "config/paths.h"

/* Whether a file can be trusted to say which programs run as root. */
static int check_file(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISDIR(st->st_mode))
		return err_set(err, EISDIR, "'%s' is a directory, not a configuration file", path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, EPERM, "'%s' belongs to uid %u: it must be root's", path,
			       (unsigned int)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "'%s' can be written to by %s: chmod go-w", path,
			       st->st_mode & S_IWOTH ? "everybody" : "its group");
	if (st->st_size > CONFIG_MAX_BYTES)
		return err_set(err, EFBIG, "'%s' is larger than %d bytes", path, CONFIG_MAX_BYTES);
	return 0;
}

/* The checked file's text. If it may be missing, *ret is NULL then. */
static int read_file(const char *path, bool optional, char **ret, size_t *ret_len, struct err *err)
{
	/* O_NONBLOCK: a FIFO must not block us; on regular files it does nothing. */
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_free_ char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r;

	if (fd < 0 && errno == ENOENT && optional)
		return 0;
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "stat '%s'", path);
	r = check_file(path, &st, err);
	if (r < 0)
		return r;
	text = malloc(CONFIG_MAX_BYTES + 1);
	if (!text)
		return err_errno(err, ENOMEM, "read '%s'", path);
	/* Its size may be 0 (on procfs) or change: only the limit counts. */
	while (len <= CONFIG_MAX_BYTES) {
		ssize_t n = read(fd, text + len, CONFIG_MAX_BYTES + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read '%s'", path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > CONFIG_MAX_BYTES)
		return err_set(err, EFBIG, "'%s' is larger than %d bytes", path, CONFIG_MAX_BYTES);
	*ret = take_ptr(text);
	*ret_len = len;
	return 0;
}

/* Replaces an empty path by the first that exists, or else by the first. */
static int pick(char **path, const char *const *candidates, struct err *err)
{
	const char *found = candidates[0];

	if (**path)
		return 0;
	for (const char *const *c = candidates; *c; c++)
		if (access(*c, X_OK) == 0) {
			found = *c;
			break;
		}
	free(*path);
	*path = strdup(found);
	return *path ? 0 : err_errno(err, ENOMEM, "configuration");
}

static int fill_paths(struct moat_config *c, struct err *err)
{
	static const char *const qemu[] = { "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm",
					    NULL };
	static const char *const virtiofsd[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd",
						 "/usr/lib/virtiofsd", NULL };
	_cleanup_(moat_paths_done) struct moat_paths paths = { 0 };
	int r = pick(&c->qemu.path, qemu, err);

	if (r < 0)
		return r;
	r = pick(&c->qemu.virtio_fs_daemon, virtiofsd, err);
	if (r < 0 || (*c->qemu.kernel && *c->qemu.initrd))
		return r;
	r = moat_paths(&paths, err);
	if (r < 0)
		return r;
	if (!*c->qemu.kernel) {
		free(c->qemu.kernel);
		c->qemu.kernel = take_ptr(paths.kernel);
	}
	if (!*c->qemu.initrd) {
		free(c->qemu.initrd);
		c->qemu.initrd = take_ptr(paths.initrd);
	}
	return 0;
}

int config_load(const char *path, struct moat_config *ret, struct err *err)
{
	_cleanup_(config_done) struct moat_config c = { 0 };
	_free_ char *text = NULL;
	size_t len = 0;
	const char *file = path ? path : CONFIG_FILE;
	int r = read_file(file, !path, &text, &len, err);

	if (r < 0)
		return r;
	r = config_parse(file, text ? text : "", len, &c, err);
	if (r < 0)
		return r;
	if (text) {
		c.source = strdup(file);
		if (!c.source)
			return err_errno(err, ENOMEM, "configuration");
	}
	r = fill_paths(&c, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct moat_config){ 0 };
	return 0;
}
