// SPDX-License-Identifier: Apache-2.0
#include "standin/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>

int terminal_init(int fd, struct err *err)
{
	struct termios t;

	if (ioctl(fd, TIOCSCTTY, 0) < 0)
		return err_errno(err, errno, "make it the controlling terminal");
	if (tcgetattr(fd, &t) < 0)
		return err_errno(err, errno, "read terminal settings");
	/* A raw one is left alone: its receiver may be setting ONLCR at this very moment. */
	if (!(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST))
		return 0;
	cfmakeraw(&t);
	if (tcsetattr(fd, TCSANOW, &t) < 0)
		return err_errno(err, errno, "set terminal to raw mode");
	return 0;
}

bool terminal_update(int fd, struct terminal *t)
{
	struct terminal now = *t;
	struct winsize size;
	struct termios attr;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
		now.rows = size.ws_row;
		now.cols = size.ws_col;
	}
	if (tcgetattr(fd, &attr) == 0) {
		now.onlcr = attr.c_oflag & ONLCR;
		if (attr.c_oflag & OPOST) {
			attr.c_oflag &= ~(tcflag_t)OPOST;
			tcsetattr(fd, TCSANOW, &attr);
		}
	}
	if (now.rows == t->rows && now.cols == t->cols && now.onlcr == t->onlcr)
		return false;
	*t = now;
	return true;
}
