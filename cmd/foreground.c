/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "cmd/command.h"

#define CHUNK 8192

static void copy_size(const struct terminal *t)
{
	struct winsize ws;

	if (t->tty >= 0 && ioctl(t->tty, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(t->master, TIOCSWINSZ, &ws);
}

static int make_raw(struct terminal *t)
{
	struct termios raw;
	int fd;

	/* Any of the three may be the terminal: "moat run c1 </dev/null" still has a screen. */
	for (fd = 0; fd < 3 && tcgetattr(fd, &t->saved) < 0; fd++)
		;
	if (fd == 3)
		return 0;
	t->tty = fd_dup(fd);
	if (t->tty < 0)
		return t->tty;
	raw = t->saved;
	cfmakeraw(&raw);
	raw.c_oflag |=
		OPOST; /* as runc: "\n" from the container still begins a new line on the user's screen */
	return tcsetattr(t->tty, TCSANOW, &raw) < 0 ? -errno : 0;
}

/* As runc in the foreground: lines end in "\n", and the user's own terminal does the rest. */
static int clear_onlcr(int fd)
{
	struct termios tio;

	if (tcgetattr(fd, &tio) < 0)
		return -errno;
	tio.c_oflag &= ~(tcflag_t)ONLCR;
	return tcsetattr(fd, TCSANOW, &tio) < 0 ? -errno : 0;
}

int terminal_open(struct terminal *t, struct err *err)
{
	int r = moat_terminal_new(&t->master, &t->slave, lib(err));

	if (r < 0)
		return r;
	r = clear_onlcr(t->slave);
	if (r >= 0)
		r = make_raw(t);
	if (r < 0)
		return err_errno(err, -r, "terminal");
	copy_size(t);
	return 0;
}

void terminal_done(struct terminal *t)
{
	if (t->tty >= 0)
		(void)tcsetattr(t->tty, TCSAFLUSH, &t->saved);
	t->tty = fd_close(t->tty);
	t->master = fd_close(t->master);
	t->slave = fd_close(t->slave);
}

/* Everything that can be caught goes to the container, as if it had been sent there. */
static sigset_t passed_on(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, SIGPIPE);
	/* Our own faults stay ours. */
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGABRT);
	return set;
}

int foreground_hold_signals(struct err *err)
{
	sigset_t set = passed_on();

	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? err_errno(err, errno, "signals") : 0;
}

static int signal_fd(struct err *err)
{
	sigset_t set = passed_on();
	int r = foreground_hold_signals(err);

	if (r < 0)
		return r;
	r = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r < 0 ? err_errno(err, errno, "signals") : r;
}

static void pass_signals(int sigs, pid_t pid, const struct terminal *t)
{
	struct signalfd_siginfo si;

	while (read(sigs, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGWINCH && t->master >= 0)
			copy_size(t);
		else if (si.ssi_signo != SIGCHLD && si.ssi_signo != SIGURG)
			(void)kill(pid, (int)si.ssi_signo);
	}
}

/* One chunk from a to b; false at the end of a. */
static bool pump(int from, int to)
{
	char buf[CHUNK];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return n > 0 && io_write_all(to, buf, (size_t)n) == 0;
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int foreground(pid_t pid, struct terminal *t, struct err *err)
{
	_close_ int sigs = signal_fd(err);
	struct pollfd p[3];
	int status;

	if (sigs < 0)
		return sigs;
	t->slave = fd_close(t->slave); /* the stand-in's alone, so that its end shows as end of file */
	p[0] = (struct pollfd){ .fd = sigs, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = t->master, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = t->master >= 0 ? STDIN_FILENO : -1, .events = POLLIN };
	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return err_errno(err, errno, "poll");
		if (p[0].revents)
			pass_signals(sigs, pid, t);
		if (p[1].revents && !pump(t->master, STDOUT_FILENO))
			p[1].fd = -1;
		/* Only while the pty takes it: a full one must not stop signals and output. */
		if (p[2].revents && !pump(STDIN_FILENO, t->master))
			p[2].fd = -1;
	}
	while (p[1].fd >= 0 && pump(t->master, STDOUT_FILENO))
		;
	return exit_code(status);
}
