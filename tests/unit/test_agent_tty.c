/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the agent over a terminal. */
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "agent/stdio.h"
#include "tests/unit/test_agent_stdio.h"

static int open_terminal(void)
{
	int master, slave, own;

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	own = fd_dup(slave);
	unit_ok(stdio_open_tty(&t.io, master, slave, &t.err), &t.err);
	return own;
}

START_TEST(terminal_end_of_input)
{
	char buf[64];

	set_up(false);
	int slave = open_terminal();
	wire_send(t.host, WIRE_DATA, ID, "line\n", 5);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 5);
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 0);
	/* In the middle of a line too. */
	wire_send(t.host, WIRE_DATA, ID, "part", 4);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 4);
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 0);
	/* Raw: nothing stands for the end. */
	struct termios raw;
	ck_assert_int_eq(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	int waiting = -1;
	ck_assert_int_eq(ioctl(slave, FIONREAD, &waiting), 0);
	ck_assert_int_eq(waiting, 0);
	close(slave);
	tear_down();
}
END_TEST

START_TEST(terminal_output)
{
	set_up(false);
	int slave = open_terminal();
	ck_assert_int_eq(write(slave, "before", 6), 6);
	settle();
	ck_assert_uint_eq(t.out[0].len, 6);
	/* Everybody closing it is no end as long as the process lives. */
	int again = fd_dup(slave);
	close(slave);
	settle();
	ck_assert_int_eq(write(again, " and last", 9), 9);
	close(again);
	stdio_exited(&t.io);
	ck_assert(t.flushed);
	settle();
	ck_assert_uint_eq(t.out[0].len, 15);
	ck_assert(t.eof[0]);
	ck_assert_ptr_null(t.mux.streams);
	tear_down();
}
END_TEST

START_TEST(terminal_hang_up)
{
	char c;

	set_up(false);
	int slave = open_terminal();
	wire_send(t.host, WIRE_CLOSE, ID + 1, NULL, 0);
	settle();
	ck_assert_int_eq(read(slave, &c, 1), 0);
	ck_assert_int_eq(write(slave, "x", 1), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_lt(stdio_tty(&t.io), 0);
	close(slave);
	tear_down();
}
END_TEST

UNIT_MAIN("agent_tty", terminal_end_of_input, terminal_output, terminal_hang_up)
