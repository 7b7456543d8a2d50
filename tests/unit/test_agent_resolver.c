/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of a name server: clients by UDP and TCP, the test is the host. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "agent/resolver.h"
#include "base/cleanup.h"
#include "tests/unit/test_agent_stdio.h"
#include "wire/resolver.h"

#define ASKED_MAX 512

static struct resolver *resolver;
static struct sockaddr_in udp_at, tcp_at;
static struct asked {
	uint8_t transport;
	uint16_t id; /* on the way */
	uint8_t mark; /* the first byte after the header */
	uint32_t len; /* of the message */
} asked[ASKED_MAX];
static size_t n_asked;
static uint32_t credit;

static void on_resolver(const struct wire_frame *f)
{
	if (f->type == WIRE_CREDIT) {
		ck_assert_uint_eq(f->id, ID + WIRE_ANSWERS);
		credit += wire_get_u32(f->payload);
		return;
	}
	ck_assert_int_eq(f->type, WIRE_DATA);
	ck_assert_uint_eq(f->id, ID + WIRE_QUESTIONS);
	ck_assert_uint_lt(n_asked, ASKED_MAX);
	ck_assert(resolver_is_question(f->payload + 1, f->len - 1));
	asked[n_asked++] = (struct asked){ .transport = f->payload[0],
					   .id = resolver_get_u16(f->payload + 1),
					   .mark = f->payload[1 + RESOLVER_HEADER],
					   .len = f->len - 1 };
}

static void begin(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f00000b) };
	socklen_t len = sizeof(at);
	struct resolver_fds fds;

	set_up(false);
	t.on_resolver = on_resolver;
	n_asked = 0;
	credit = 0;
	unit_ok(resolver_bind(&at, &fds, &t.err), &t.err);
	ck_assert_int_eq(getsockname(fds.udp, (struct sockaddr *)&udp_at, &len), 0);
	ck_assert_int_eq(getsockname(fds.tcp, (struct sockaddr *)&tcp_at, &len), 0);
	unit_ok(resolver_new(&t.mux, ID, &fds, &resolver, &t.err), &t.err);
}

static void end(void)
{
	ck_assert_msg(t.err.code == 0, "%s", t.err.msg);
	resolver_free(resolver);
	ck_assert_ptr_null(t.mux.resolvers);
	tear_down();
}

static int client(bool tcp)
{
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	const struct sockaddr_in *at = tcp ? &tcp_at : &udp_at;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
	return fd;
}

/* A message of len bytes with its length before it: the number of bytes. mark: what follows the header. */
static size_t message(uint8_t *out, uint16_t id, uint8_t mark, size_t len)
{
	memset(out, 0, 2 + len);
	resolver_put_u16(out, (uint16_t)len);
	resolver_put_u16(out + 2, id);
	out[2 + RESOLVER_HEADER] = mark;
	return 2 + len;
}

static void ask_udp(int fd, uint16_t id, uint8_t mark, size_t len)
{
	uint8_t m[70000];

	message(m, id, mark, len);
	ck_assert_int_eq(send(fd, m + 2, len, 0), (ssize_t)len);
}

/* The host's answer to asked[i]. */
static void answer(size_t i, uint8_t mark, size_t len)
{
	uint8_t m[70000];

	message(m + 1, asked[i].id, mark, len);
	m[2] = asked[i].transport;
	m[5] = 0x80;
	ck_assert_int_eq(wire_send(t.host, WIRE_DATA, ID + WIRE_ANSWERS, m + 2, 1 + len), 0);
}

static void expect_udp(int fd, uint16_t id, uint8_t mark, size_t len)
{
	static uint8_t m[70000];

	ck_assert_int_eq(recv(fd, m, sizeof(m), MSG_DONTWAIT), (ssize_t)len);
	ck_assert_uint_eq(resolver_get_u16(m), id);
	ck_assert_uint_eq(m[RESOLVER_HEADER], mark);
}

static void expect_nothing(int fd)
{
	uint8_t byte;

	ck_assert(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void expect_tcp(int fd, uint16_t id, uint8_t mark, size_t len)
{
	static uint8_t m[70000];

	ck_assert_int_eq(io_read_all(fd, m, 2), 0);
	ck_assert_uint_eq(resolver_get_u16(m), len);
	ck_assert_int_eq(io_read_all(fd, m, len), 0);
	ck_assert_uint_eq(resolver_get_u16(m), id);
	ck_assert_uint_eq(m[RESOLVER_HEADER], mark);
}

/* Two that chose the same id get their own answers, whatever the order; what is no question goes nowhere, what nobody asked neither. */
START_TEST(datagrams)
{
	begin();
	_close_ int a = client(false), b = client(false);
	ask_udp(a, 7, 'a', 20);
	ask_udp(b, 7, 'b', RESOLVER_QUESTION_MAX);
	settle();
	ck_assert_uint_eq(n_asked, 2);
	ck_assert_uint_ne(asked[0].id, asked[1].id);
	ck_assert_uint_eq(asked[0].transport, RESOLVER_UDP);
	ck_assert_uint_eq(asked[1].len, RESOLVER_QUESTION_MAX);
	answer(1, 'B', 4000);
	answer(0, 'A', 40);
	answer(0, 'A', 40);
	settle();
	expect_udp(a, 7, 'A', 40);
	expect_nothing(a);
	expect_udp(b, 7, 'B', 4000);

	uint8_t reply[40] = { 0, 1, 0x80 };
	ck_assert_int_eq(send(a, reply, sizeof(reply), 0), sizeof(reply));
	ck_assert_int_eq(send(a, reply, RESOLVER_HEADER - 1, 0), RESOLVER_HEADER - 1);
	ask_udp(a, 8, 'x', RESOLVER_QUESTION_MAX + 1);
	ask_udp(a, 9, 'y', 20);
	settle();
	ck_assert_uint_eq(n_asked, 3);
	ck_assert_uint_eq(asked[2].mark, 'y');
	/* A place is used again, under another id. */
	ck_assert_uint_eq(asked[2].id % RESOLVER_PENDING, asked[0].id % RESOLVER_PENDING);
	ck_assert_uint_ne(asked[2].id, asked[0].id);
	answer(0, 'A', 40);
	settle();
	expect_nothing(a);
	end();
}
END_TEST

/* More than have room wait in the socket until others have been answered. */
START_TEST(many_datagrams)
{
	size_t more = 30;

	begin();
	_close_ int fd = client(false);
	for (size_t i = 0; i < RESOLVER_PENDING + more; i++)
		ask_udp(fd, (uint16_t)i, 'q', 100);
	settle();
	ck_assert_uint_eq(n_asked, RESOLVER_PENDING);
	for (size_t i = 0; i < RESOLVER_PENDING; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(asked[i].id, asked[k].id);
	answer(5, 'a', 20);
	settle();
	ck_assert_uint_eq(n_asked, RESOLVER_PENDING + 1);
	expect_udp(fd, 5, 'a', 20);
	for (size_t i = 10; i < 10 + more; i++)
		answer(i, 'b', 20);
	settle();
	ck_assert_uint_eq(n_asked, RESOLVER_PENDING + more);
	end();
}
END_TEST

/* Answers of more than a window, to one who takes them: credit keeps up. */
START_TEST(credit_comes_back)
{
	begin();
	_close_ int fd = client(true);
	uint8_t m[100];
	for (int i = 0; i < 40; i++) {
		size_t n = message(m, 1, 'q', 20);

		ck_assert_int_eq(io_write_all(fd, m, n), 0);
		settle();
		ck_assert_uint_eq(n_asked, (size_t)i + 1);
		answer((size_t)i, 'a', RESOLVER_ANSWER_MAX);
		settle();
		expect_tcp(fd, 1, 'a', RESOLVER_ANSWER_MAX);
	}
	ck_assert_uint_gt(credit, WIRE_WINDOW);
	end();
}
END_TEST

/* Several in one piece, one in several, an answer that comes first, an end with a question open, and one with half a question. */
START_TEST(streams)
{
	uint8_t m[8192];
	size_t n;

	begin();
	_close_ int a = client(true), b = client(true), c = client(true);
	n = message(m, 1, 'a', 20);
	n += message(m + n, 2, 'b', RESOLVER_QUESTION_MAX);
	n += message(m + n, 3, 'c', 30);
	ck_assert_int_eq(io_write_all(a, m, n - 7), 0);
	settle();
	ck_assert_uint_eq(n_asked, 2);
	ck_assert_int_eq(io_write_all(a, m + n - 7, 7), 0);
	settle();
	ck_assert_uint_eq(n_asked, 3);
	ck_assert_uint_eq(asked[2].transport, RESOLVER_TCP);
	answer(2, 'C', 50);
	settle();
	expect_tcp(a, 3, 'C', 50);
	/* Half-closed. */
	ck_assert_int_eq(shutdown(a, SHUT_WR), 0);
	settle();
	answer(0, 'A', 50);
	answer(1, 'B', 60000);
	settle();
	expect_tcp(a, 1, 'A', 50);
	expect_tcp(a, 2, 'B', 60000);
	settle();
	ck_assert_int_eq(recv(a, m, 1, MSG_DONTWAIT), 0);
	/* Gone before the answer. */
	n = message(m, 4, 'd', 20);
	ck_assert_int_eq(io_write_all(b, m, n), 0);
	settle();
	b = fd_close(b);
	settle();
	answer(3, 'D', 50);
	/* Nothing whole ever comes. */
	ck_assert_int_eq(io_write_all(c, m, n - 1), 0);
	ck_assert_int_eq(shutdown(c, SHUT_WR), 0);
	settle();
	ck_assert_int_eq(recv(c, m, 1, MSG_DONTWAIT), 0);
	ck_assert_uint_eq(n_asked, 4);
	end();
}
END_TEST

/* What is no question ends its connection alone. */
START_TEST(malformed_streams)
{
	static const uint8_t bad[][4] = {
		{ 0, RESOLVER_HEADER - 1 },
		{ (RESOLVER_QUESTION_MAX + 1) >> 8, (RESOLVER_QUESTION_MAX + 1) & 0xff },
		{ 0, 0 },
		{ 0xff, 0xff },
	};
	uint8_t m[100], byte;
	size_t n;

	begin();
	_close_ int good = client(true);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_close_ int fd = client(true);

		ck_assert_int_eq(io_write_all(fd, bad[i], 2), 0);
		settle();
		ck_assert_int_le(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
		ck_assert_int_ne(errno, EAGAIN);
	}
	_close_ int reply = client(true);
	n = message(m, 1, 'a', 20);
	m[4] = 0x80;
	ck_assert_int_eq(io_write_all(reply, m, n), 0);
	settle();
	ck_assert_uint_eq(n_asked, 0);
	m[4] = 0;
	ck_assert_int_eq(io_write_all(good, m, n), 0);
	settle();
	ck_assert_uint_eq(n_asked, 1);
	end();
}
END_TEST

/* As many as there may be, which say nothing: the first gives way. One who does not read is cut off. */
START_TEST(many_clients)
{
	int fd[RESOLVER_CLIENTS + 1];
	uint8_t m[100], byte;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = client(true);
		settle();
	}
	ck_assert_int_eq(recv(fd[0], &byte, 1, MSG_DONTWAIT), 0);
	for (size_t i = 1; i < ARRAY_SIZE(fd); i++)
		expect_nothing(fd[i]);
	size_t n = message(m, 1, 'q', 20);
	for (size_t i = 0; i < 120; i++)
		ck_assert_int_eq(io_write_all(fd[1], m, n), 0);
	settle();
	ck_assert_uint_eq(n_asked, 120);
	for (size_t i = 0; i < 120; i++) {
		answer(i, 'a', RESOLVER_ANSWER_MAX);
		settle();
	}
	/* The others are served. */
	ck_assert_int_eq(io_write_all(fd[2], m, n), 0);
	settle();
	ck_assert_uint_eq(n_asked, 121);
	answer(120, 'b', 20);
	settle();
	expect_tcp(fd[2], 1, 'b', 20);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	settle();
	end();
}
END_TEST

/* All that wait by TCP, too, when the room is taken; they go on. */
START_TEST(streams_wait)
{
	uint8_t m[100];

	begin();
	_close_ int udp = client(false), tcp = client(true);
	for (size_t i = 0; i < RESOLVER_PENDING; i++)
		ask_udp(udp, (uint16_t)i, 'u', 20);
	settle();
	size_t n = message(m, 1, 't', 20);
	ck_assert_int_eq(io_write_all(tcp, m, n), 0);
	settle();
	_close_ int late = client(true);
	ck_assert_int_eq(io_write_all(late, m, n), 0);
	settle();
	ck_assert_uint_eq(n_asked, RESOLVER_PENDING);
	answer(0, 'a', 20);
	answer(1, 'a', 20);
	settle();
	ck_assert_uint_eq(n_asked, RESOLVER_PENDING + 2);
	ck_assert_uint_eq(asked[RESOLVER_PENDING + 1].mark, 't');
	end();
}
END_TEST

static void host_breaks(enum wire_type type, uint32_t stream, const void *data, size_t len,
			const char *words)
{
	begin();
	ck_assert_int_eq(wire_send(t.host, type, ID + stream, data, len), 0);
	settle();
	ck_assert_msg(t.err.code == EPROTO && strstr(t.err.msg, words), "%s", t.err.msg);
	t.err.code = 0;
	/* Its answers do not come any more, nor its questions go. */
	resolvers_stop(&t.mux);
	resolver_free(resolver);
	tear_down();
}

START_TEST(protocol_errors)
{
	static const uint8_t big[1 + RESOLVER_ANSWER_MAX + 1], credit_bytes[4] = { 1 };

	host_breaks(WIRE_DATA, WIRE_ANSWERS, big, RESOLVER_HEADER, "no answer");
	host_breaks(WIRE_DATA, WIRE_ANSWERS, big, sizeof(big), "no answer");
	host_breaks(WIRE_DATA, WIRE_QUESTIONS, big, 100, "frame of type");
	host_breaks(WIRE_EOF, WIRE_ANSWERS, NULL, 0, "frame of type");
	host_breaks(WIRE_CREDIT, WIRE_QUESTIONS, credit_bytes, 4, "more credit than a window");
}
END_TEST

UNIT_MAIN("agent_resolver", datagrams, many_datagrams, credit_comes_back, streams,
	  malformed_streams, many_clients, streams_wait, protocol_errors)
