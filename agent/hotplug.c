/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hotplug.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/modules.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"

#define TIMEOUT_MS 20000

/* What is looked for behind a port: an attribute of the first of a class. */
struct search {
	const char *port, *class, *attribute;
	char text[32];
};

int hotplug_find(const char *class, const char *port, char ***ret, struct err *err)
{
	_free_ char *path = str_printf("/sys/class/%s", class);
	_strv_ char **all = NULL, **found = NULL;
	char target[PATH_MAX], part[24];
	_close_ int fd = -EBADF;

	if (!path)
		return err_errno(err, ENOMEM, "devices behind port %s", port);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || path_list(fd, &all, NULL) < 0)
		return -ENOENT;
	snprintf(part, sizeof(part), "/%s/", port);
	for (char **name = all; name && *name; name++) {
		ssize_t n = readlinkat(fd, *name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		if (strstr(target, part) && strv_add(&found, *name) < 0)
			return err_errno(err, ENOMEM, "devices behind port %s", port);
	}
	if (!found)
		return -ENOENT;
	*ret = take_ptr(found);
	return 0;
}

/* A disk's name comes before those of its partitions. The link is there before the attributes. */
static int look(void *data, struct err *err)
{
	struct search *s = data;
	_strv_ char **names = NULL;
	_free_ char *path = NULL, *text = NULL;
	int r = hotplug_find(s->class, s->port, &names, err);

	if (r < 0)
		return r;
	path = str_printf("/sys/class/%s/%s/%s", s->class, names[0], s->attribute);
	if (!path)
		return err_errno(err, ENOMEM, "device behind port %s", s->port);
	if (io_read_file(AT_FDCWD, path, sizeof(s->text) - 1, &text, NULL, NULL) < 0)
		return -ENOENT;
	snprintf(s->text, sizeof(s->text), "%.*s", (int)strcspn(text, "\n"), text);
	return 0;
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
	struct search s = { .port = port, .class = "net", .attribute = "ifindex" };
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
	struct search s = { .port = port, .class = "block", .attribute = "dev" };
	int r;

	modules_load("blk");
	r = wait_for(&s, err);
	if (r < 0)
		return r;
	if (hotplug_parse_dev(s.text, ret_major, ret_minor) < 0)
		return err_set(err, EIO, "disk behind port %s: no numbers", port);
	return 0;
}
