/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hotplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/modules.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"

#define TIMEOUT_MS 20000
#define MAX_DEPTH 7 /* port/device/virtio0/host0/target0:0:0/0:0:0:0/block */

/* What is looked for behind a port: the attribute `file` of the first child of a directory `class`. */
struct search {
	const char *port, *class, *file;
	char text[32];
};

static int open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_attribute(int dirfd, const char *child, struct search *s)
{
	_free_ char *text = NULL;
	char path[300];
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/%s", child, s->file);
	r = io_read_file(dirfd, path, sizeof(s->text) - 1, &text, &len, NULL);
	if (r >= 0) {
		memcpy(s->text, text, len + 1);
		s->text[strcspn(s->text, "\n")] = '\0';
	}
	return r;
}

/* Takes fd. inside: it is a directory of the class. -ENOENT: nothing yet. */
static int search(int fd, int depth, bool inside, struct search *s)
{
	DIR *dir = fdopendir(fd);
	int r = -ENOENT;

	if (!dir) {
		close(fd);
		return -ENOENT;
	}
	for (struct dirent *d; r == -ENOENT && (d = readdir(dir));) {
		if (d->d_name[0] == '.' || d->d_type != DT_DIR)
			continue;
		if (inside) {
			r = read_attribute(dirfd(dir), d->d_name, s);
		} else if (depth < MAX_DEPTH) {
			int child = open_dir(dirfd(dir), d->d_name);

			if (child >= 0)
				r = search(child, depth + 1, !strcmp(d->d_name, s->class), s);
		}
	}
	closedir(dir);
	return r;
}

static int look(void *data, struct err *err)
{
	struct search *s = data;
	char path[64];
	int fd;

	/* The port's entry is a symbolic link of the kernel's. */
	snprintf(path, sizeof(path), HOTPLUG_PCI_DEVICES "/%s/.", s->port);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -ENOENT : search(fd, 0, false, s);
}

int hotplug_check_port(const char *port, struct err *err)
{
	if (strlen(port) != strlen("0000:00:04.0") ||
	    strspn(port, "0123456789abcdef:.") != strlen(port))
		return err_set(err, EINVAL, "\"%s\" is no PCI address", port);
	return 0;
}

static int wait_for(struct search *s, struct err *err)
{
	char event[16];
	int r;

	r = hotplug_check_port(s->port, err);
	if (r < 0)
		return r;
	snprintf(event, sizeof(event), "/%s/", s->class);
	r = uevent_until(event, look, s, TIMEOUT_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ENODEV,
			       "the guest has found no %s device behind port %s after %d ms",
			       s->class, s->port, TIMEOUT_MS);
	return r;
}

int hotplug_wait_net(const char *port, int *ret_index, struct err *err)
{
	struct search s = { .port = port, .class = "net", .file = "ifindex" };
	int r;

	modules_load("net");
	r = wait_for(&s, err);
	if (r >= 0 && num_int(s.text, 1, INT32_MAX, ret_index) < 0)
		return err_set(err, EIO, "interface behind port %s: no index", port);
	return r;
}

int hotplug_parse_dev(const char *text, int *ret_major, int *ret_minor)
{
	const char *sep = strchr(text, ':');
	char major[16];

	if (!sep || (size_t)(sep - text) >= sizeof(major))
		return -EINVAL;
	snprintf(major, sizeof(major), "%.*s", (int)(sep - text), text);
	return num_int(major, 0, INT32_MAX, ret_major) < 0 ||
			       num_int(sep + 1, 0, INT32_MAX, ret_minor) < 0 ?
		       -EINVAL :
		       0;
}

int hotplug_wait_disk(const char *port, int *ret_major, int *ret_minor, struct err *err)
{
	struct search s = { .port = port, .class = "block", .file = "dev" };
	int r;

	modules_load("blk");
	r = wait_for(&s, err);
	if (r < 0)
		return r;
	if (hotplug_parse_dev(s.text, ret_major, ret_minor) < 0)
		return err_set(err, EIO, "disk behind port %s: no numbers", port);
	return 0;
}
