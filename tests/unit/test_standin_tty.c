// SPDX-License-Identifier: Apache-2.0
/* A stand-in whose streams are the slave of a pty. */
#include <pty.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "tests/unit/test_standin.h"
#include "wire/frame.h"

static struct rig rig;
static int master, slave;

static struct termios attributes(void)
{
	struct termios t;

	ck_assert_int_eq(tcgetattr(master, &t), 0); /* those of the slave */
	return t;
}

static void start(bool go)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
	struct termios t = attributes();
	t.c_oflag &= ~(tcflag_t)ONLCR; /* as the command does in the foreground */
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &t), 0);
	ck_assert_int_eq(fd_set_cloexec(master, true) | fd_set_cloexec(slave, true), 0);
	struct rig_options o = { .stdio = { slave, slave, slave }, .terminal = true };
	rig_init(&rig);
	rig_spawn(&rig, &o);
	rig_send_setup(&rig);
	rig_expect_ok(&rig);
	ck_assert_uint_eq(json_array_size(json_object_get(rig.reply, "warnings")), 0);
	rig_expect_attach(&rig);
	rig_put_text(&rig, WIRE_REPLY, 1, "{}");
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":24,\"cols\":80,\"onlcr\":false}");
	ck_assert_int_eq(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	close(slave);
	if (!go)
		return;
	rig_go(&rig);
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":24,\"cols\":80,\"onlcr\":false}");
}

static void set_size(unsigned short rows, unsigned short cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };

	ck_assert_int_eq(ioctl(master, TIOCSWINSZ, &size), 0);
}

START_TEST(raw_mode)
{
	static const char all[] = "\1\3\4\r\n\x11\x13\x1a\x1c\x7f\xff\xfe";
	char back[32];

	start(true);
	struct termios t = attributes();
	ck_assert_uint_eq(t.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
	ck_assert_uint_eq(t.c_oflag & (OPOST | ONLCR), 0);
	/* every byte goes through untouched, both ways, and raises no signal */
	ck_assert_int_eq(io_write_all(master, all, sizeof(all)), 0);
	size_t got = 0;
	while (got < sizeof(all)) {
		struct wire_frame f = rig_expect(&rig, WIRE_DATA, 0, NULL);

		ck_assert_mem_eq(rig.buf, all + got, f.len);
		got += f.len;
	}
	rig_put(&rig, WIRE_DATA, 1, all, sizeof(all));
	ck_assert_int_eq(io_read_all(master, back, sizeof(all)), 0);
	ck_assert_mem_eq(back, all, sizeof(all));
	/* it is the controlling terminal */
	ck_assert_int_ne(rig_stat(&rig, 7), 0);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":6}");
	rig_expect_exit(&rig, 6);
	close(master);
	rig_done(&rig);
}
END_TEST

START_TEST(window_size)
{
	struct wire_frame f;

	start(true);
	set_size(50, 132);
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":50,\"cols\":132,\"onlcr\":false}");
	set_size(50, 132); /* no change, no event */
	ck_assert(!rig_get(&rig, &f, 100));
	/* a storm while the monitor takes nothing: the last one arrives, no flood */
	for (int i = 0; i < 10000; i++)
		set_size((unsigned short)(i % 100 + 1), 100);
	set_size(33, 44);
	unsigned int n = 0;
	do {
		ck_assert(rig_get(&rig, &f, 5000));
		n++;
	} while (!strstr((const char *)rig.buf, "\"rows\":33,\"cols\":44"));
	ck_assert(!rig_get(&rig, &f, 100));
	printf("10,000 resizes made %u events\n", n);
	/* a SIGWINCH that somebody sends is no signal for the guest */
	kill(rig.pid, SIGWINCH);
	kill(rig.pid, SIGTERM);
	rig_expect(&rig, WIRE_EVENT, 0, "{\"event\":\"signal\",\"signal\":15}");
	close(master);
	rig_done(&rig);
}
END_TEST

/* conmon sets ONLCR on the master at any time; the guest's terminal does it, the host's never. */
START_TEST(onlcr)
{
	char back[8];

	start(false);
	struct termios t = attributes();
	t.c_oflag |= ONLCR;
	ck_assert_int_eq(tcsetattr(master, TCSANOW, &t), 0);
	rig_go(&rig);
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":24,\"cols\":80,\"onlcr\":true}");
	rig_put_text(&rig, WIRE_DATA, 1, "a\nb\n");
	ck_assert_int_eq(io_read_all(master, back, 4), 0);
	ck_assert_mem_eq(back, "a\nb\n", 4);
	/* even if the caller switches processing on */
	t.c_oflag |= OPOST;
	t.c_oflag &= ~(tcflag_t)ONLCR;
	ck_assert_int_eq(tcsetattr(master, TCSANOW, &t), 0);
	rig_put_text(&rig, WIRE_DATA, 1, "c\nd\n");
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":24,\"cols\":80,\"onlcr\":false}");
	ck_assert_uint_eq(attributes().c_oflag & OPOST, 0);
	ck_assert_int_eq(io_read_all(master, back, 4), 0);
	ck_assert_mem_eq(back, "c\nd\n", 4);
	/* and at a change of size */
	t = attributes();
	t.c_oflag |= ONLCR;
	ck_assert_int_eq(tcsetattr(master, TCSANOW, &t), 0);
	set_size(25, 80);
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":25,\"cols\":80,\"onlcr\":true}");
	close(master);
	rig_done(&rig);
}
END_TEST

/* The user's terminal goes away: the guest hears SIGHUP, the end of input, and of output when it writes. */
START_TEST(hang_up)
{
	bool hup = false, eof = false, closed = false;
	struct wire_frame f;

	start(true);
	close(master);
	while (!(hup && eof) && rig_get(&rig, &f, 5000)) {
		hup |= f.type == WIRE_EVENT &&
		       strcmp((const char *)rig.buf, "{\"event\":\"signal\",\"signal\":1}") == 0;
		eof |= f.type == WIRE_EOF && f.id == 0;
	}
	ck_assert(hup && eof);
	rig_put_text(&rig, WIRE_DATA, 1, "anybody there?");
	while (!closed && rig_get(&rig, &f, 5000))
		closed = f.type == WIRE_CLOSE && f.id == 1;
	ck_assert(closed);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"signal\":1}");
	rig_expect_exit(&rig, 129); /* PID 1 of a namespace cannot die of it */
	rig_done(&rig);
}
END_TEST

/* 2 MiB of output, then the end, with a reader that comes late and slowly: nothing is lost. */
START_TEST(last_output)
{
	static uint8_t block[WIRE_MAX_DATA];
	size_t got = 0, sent = 0;
	uint32_t credit = WIRE_WINDOW;

	start(true);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i % 251);
	pid_t reader = fork();
	if (reader == 0) {
		uint8_t c[3000];
		ssize_t n;

		usleep(200000);
		while ((n = read(master, c, sizeof(c))) > 0) {
			for (ssize_t i = 0; i < n; i++)
				if (c[i] != (got + (size_t)i) % sizeof(block) % 251)
					_exit(1);
			got += (size_t)n;
		}
		_exit(got == 2u << 20 ? 0 : 2);
	}
	while (sent < 2u << 20) {
		struct wire_frame f;

		if (credit < sizeof(block)) {
			f = rig_expect(&rig, WIRE_CREDIT, 1, NULL);
			credit += wire_get_u32(f.payload);
			continue;
		}
		rig_put(&rig, WIRE_DATA, 1, block, sizeof(block));
		sent += sizeof(block);
		credit -= (uint32_t)sizeof(block);
	}
	rig_put(&rig, WIRE_EOF, 1, NULL, 0);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
	rig.mon = fd_close(rig.mon);
	rig_expect_exit(&rig, 0);
	int status;
	waitpid(reader, &status, 0);
	ck_assert_int_eq(status, 0);
	close(master);
	rig_done(&rig);
}
END_TEST

/* A process that says one line and ends at once, and a reader that starts after that. */
START_TEST(short_output)
{
	char text[16];

	for (int i = 0; i < 50; i++) {
		start(true);
		rig_put_text(&rig, WIRE_DATA, 1, "hello\r\n");
		rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
		rig_expect_exit(&rig, 0);
		ck_assert_int_eq(io_read_all(master, text, 7), 0);
		ck_assert_mem_eq(text, "hello\r\n", 7);
		ck_assert_int_eq(read(master, text, 1), -1);
		ck_assert_int_eq(errno, EIO);
		close(master);
		rig_done(&rig);
	}
}
END_TEST

/* Something that is no terminal is said to be one: a warning, and it works as far as it can. */
START_TEST(no_terminal)
{
	struct rig_options o = { .terminal = true };
	char buf[8];

	rig_init(&rig);
	rig_start(&rig, &o);
	const json_t *w = json_array_get(json_object_get(rig.reply, "warnings"), 0);
	ck_assert_ptr_nonnull(strstr(json_string_value(w), "terminal: "));
	rig_expect(&rig, WIRE_EVENT, 0,
		   "{\"event\":\"winsize\",\"rows\":0,\"cols\":0,\"onlcr\":false}");
	rig_put_text(&rig, WIRE_DATA, 1, "x");
	ck_assert_int_eq(io_read_all(rig.out, buf, 1), 0);
	rig_put_text(&rig, WIRE_DATA, 2, "x"); /* a terminal has no stream 2 */
	rig_expect_exit(&rig, 137);
	rig_done(&rig);
}
END_TEST

UNIT_MAIN_ROOT("standin_tty", raw_mode, window_size, onlcr, hang_up, last_output, short_output,
	       no_terminal)
