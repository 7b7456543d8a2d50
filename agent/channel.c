/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/modules.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/str.h"

#define PORTS_DIR "/sys/class/virtio-ports"

static bool has_name(int dirfd, const char *port)
{
	char path[300], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/name", port);
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, sizeof(name) - 1);
	if (n < 0)
		return false;
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return strcmp(name, CHANNEL_PORT_NAME) == 0;
}

/* Descriptor of the port, -ENOENT if it is not there yet. */
static int find_port(void *data, struct err *err)
{
	DIR *dir = opendir(PORTS_DIR);
	char path[300];
	int fd = -ENOENT;

	if (!dir)
		return -ENOENT;
	for (struct dirent *d; fd == -ENOENT && (d = readdir(dir));) {
		if (d->d_name[0] == '.' || !has_name(dirfd(dir), d->d_name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", d->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			fd = err_errno(err, errno, "open %s", path);
	}
	closedir(dir);
	return fd;
}

int channel_open_port(int timeout_ms, struct err *err)
{
	int fd = uevent_until("/virtio-ports/", find_port, NULL, timeout_ms, err);

	return fd == -ETIMEDOUT ?
		       err_set(err, ETIMEDOUT,
			       "no virtio-serial port named " CHANNEL_PORT_NAME " after %d ms",
			       timeout_ms) :
		       fd;
}

int channel_connect_vsock(uint32_t port, struct err *err)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_HOST,
		.svm_port = port,
	};

	modules_load("vsock");
	_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "vsock");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "connect to the host's vsock port %u", port);
	return take_fd(fd);
}
