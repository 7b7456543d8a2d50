/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

static int open_master(int root, struct err *err)
{
	struct statfs fs;
	struct stat st;

	_close_ int pts = path_open_in(root, "/dev/pts", O_PATH | O_DIRECTORY, 0);
	if (pts < 0)
		return err_errno(err, -pts, "open /dev/pts");
	if (fstatfs(pts, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(err, ENODEV, "open /dev/pts: not a devpts file system");
	_close_ int fd = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open /dev/pts/ptmx");
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) ||
	    fstatfs(fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(err, ENODEV, "open /dev/pts/ptmx: not a terminal multiplexer");
	return take_fd(fd);
}

int tty_open(int root, const struct oci_console_size *size, int *ret_master, int *ret_slave,
	     struct err *err)
{
	int unlock = 0, r;

	_close_ int master = open_master(root, err);
	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_errno(err, errno, "unlock terminal");
	/* By descriptor: a name could be made to lead to something else. */
	_close_ int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(err, errno, "open terminal");
	r = tty_set_onlcr(master, false);
	if (r >= 0 && size)
		r = tty_resize(master, size->height, size->width);
	if (r < 0)
		return err_errno(err, -r, "set up terminal");
	*ret_master = take_fd(master);
	*ret_slave = take_fd(slave);
	return 0;
}

int tty_resize(int master, unsigned int rows, unsigned int cols)
{
	struct winsize ws = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };

	return ioctl(master, TIOCSWINSZ, &ws) < 0 ? -errno : 0;
}

int tty_set_onlcr(int master, bool on)
{
	struct termios t;

	if (tcgetattr(master, &t) < 0)
		return -errno;
	if (on)
		t.c_oflag |= ONLCR;
	else
		t.c_oflag &= ~(tcflag_t)ONLCR;
	return tcsetattr(master, TCSANOW, &t) < 0 ? -errno : 0;
}

size_t tty_eof(int master, bool midline, uint8_t ret[2])
{
	struct termios t;

	if (tcgetattr(master, &t) < 0 || !(t.c_lflag & ICANON) || t.c_cc[VEOF] == _POSIX_VDISABLE)
		return 0;
	/* In the middle of a line the first one only hands over what is there. */
	ret[0] = ret[1] = t.c_cc[VEOF];
	return midline ? 2 : 1;
}
