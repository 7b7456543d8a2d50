/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/console.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"

int console_new(const struct oci_console_size *size, int *ret_master, int *ret_slave,
		struct err *err)
{
	_close_ int master = -EBADF, slave = -EBADF;
	struct winsize ws = {};
	struct termios tio;
	int unlock = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_errno(err, errno, "open a terminal");
	/* By number, not by name: /dev/pts may be another instance. */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &tio) < 0)
		return err_errno(err, errno, "open a terminal");
	cfmakeraw(&tio);
	/* Before anybody else has it: a receiver's change of ONLCR must not cross ours. */
	if (tcsetattr(slave, TCSANOW, &tio) < 0)
		return err_errno(err, errno, "set up the terminal");
	if (size && (size->height || size->width)) {
		ws.ws_row = (unsigned short)size->height;
		ws.ws_col = (unsigned short)size->width;
		(void)ioctl(master, TIOCSWINSZ, &ws);
	}
	*ret_master = take_fd(master);
	*ret_slave = take_fd(slave);
	return 0;
}

int console_send(const char *socket_path, int master, struct err *err)
{
	static const char name[] = "/dev/ptmx";
	_close_ int fd = master;
	_close_ int sock = -EBADF;
	struct stat st;
	int r;

	if (stat(socket_path, &st) < 0)
		return err_errno(err, errno, "--console-socket '%s'", socket_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ENOTSOCK, "--console-socket '%s' is not a socket", socket_path);
	sock = sock_connect_at(AT_FDCWD, socket_path, err);
	if (sock < 0)
		return err_wrap(err, "--console-socket '%s'", socket_path);
	r = sock_send_fds(sock, name, sizeof(name) - 1, &fd, 1);
	return r < 0 ? err_errno(err, -r, "--console-socket '%s'", socket_path) : 0;
}
