/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in that asks a name server in its network namespace; the test is guest, monitor and server. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/unit/test_standin.h"
#include "wire/resolver.h"

#define ADDRESS "127.0.0.11"

static const struct rig_options plain = { 0 };
static struct rig rig;
static int udp, tcp;

static void event(const char *address)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"event\":\"resolver\",\"address\":\"%s\"}", address);
	rig_put_text(&rig, WIRE_EVENT, 0, text);
}

/* A stand-in that may have a resolver, or not. */
static void begin(bool resolver)
{
	rig_init(&rig);
	if (resolver)
		json_object_set_new(rig.msg, "resolver", json_true());
	rig_start(&rig, &plain);
	udp = tcp = -EBADF;
}

static void end(void)
{
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":3}");
	rig_expect_exit(&rig, 3);
	fd_close(udp);
	fd_close(tcp);
	rig_done(&rig);
}

/* The server's sockets, in the stand-in's namespace. */
static void serve(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(RESOLVER_PORT),
					.sin_addr.s_addr = inet_addr(ADDRESS) };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", rig.pid);
	_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_close_ int there = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(setns(home, CLONE_NEWNET), 0);
	ck_assert_int_eq(bind(udp, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(bind(tcp, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(tcp, 10), 0);
}

static void ask(enum resolver_transport transport, uint16_t id, size_t len)
{
	uint8_t m[8192] = { (uint8_t)transport };

	resolver_put_u16(m + 1, id);
	m[1 + 2] = 1; /* RD */
	m[1 + RESOLVER_HEADER] = 'q';
	rig_put(&rig, WIRE_DATA, WIRE_QUESTIONS, m, 1 + len);
}

/* The next frame is the answer to id, of len bytes; failed: made by the stand-in. */
static void expect_answer(enum resolver_transport transport, uint16_t id, size_t len, bool failed)
{
	struct wire_frame f = rig_expect(&rig, WIRE_DATA, WIRE_ANSWERS, NULL);

	ck_assert_uint_eq(f.len, 1 + len);
	ck_assert_uint_eq(f.payload[0], transport);
	ck_assert_uint_eq(resolver_get_u16(f.payload + 1), id);
	ck_assert_uint_eq(f.payload[3] & 0x80, 0x80);
	ck_assert_uint_eq(f.payload[4] & 0x0f, failed ? 2 : 0);
	if (failed) {
		ck_assert_uint_eq(f.payload[3], 0x81);
		ck_assert_uint_eq(f.payload[1 + RESOLVER_HEADER], 'q');
	}
}

static size_t make_answer(uint8_t *m, uint16_t id, size_t len)
{
	memset(m, 0, 2 + len);
	resolver_put_u16(m, (uint16_t)len);
	resolver_put_u16(m + 2, id);
	m[4] = 0x80;
	return 2 + len;
}

static void answer_udp(const struct sockaddr_in *to, uint16_t id, size_t len)
{
	static uint8_t m[70000];

	make_answer(m, id, len);
	ck_assert_int_eq(sendto(udp, m + 2, len, 0, (const struct sockaddr *)to, sizeof(*to)),
			 (ssize_t)len);
}

/* The next question that the server gets: of len bytes. */
static struct sockaddr_in expect_udp(uint16_t id, size_t len)
{
	struct pollfd p = { .fd = udp, .events = POLLIN };
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint8_t m[8192];

	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(recvfrom(udp, m, sizeof(m), 0, (struct sockaddr *)&from, &size),
			 (ssize_t)len);
	ck_assert_uint_eq(resolver_get_u16(m), id);
	ck_assert_uint_eq(m[RESOLVER_HEADER], 'q');
	return from;
}

static int expect_tcp(uint16_t id, size_t len)
{
	uint8_t m[8192];
	int fd = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_read_all(fd, m, 2 + len), 0);
	ck_assert_uint_eq(resolver_get_u16(m), len);
	ck_assert_uint_eq(resolver_get_u16(m + 2), id);
	return fd;
}

/* With the filter of system calls on: nobody there, then a server, which says nonsense first; both transports, all sizes. */
START_TEST(questions_and_answers)
{
	static uint8_t m[70000];

	begin(true);
	event(ADDRESS);
	ask(RESOLVER_UDP, 1, 40);
	expect_answer(RESOLVER_UDP, 1, 40, true);
	ask(RESOLVER_TCP, 2, RESOLVER_QUESTION_MAX);
	expect_answer(RESOLVER_TCP, 2, RESOLVER_QUESTION_MAX, true);
	serve();
	event("127.0.0.99"); /* said again: stays what it was */
	ask(RESOLVER_UDP, 3, 40);
	ask(RESOLVER_UDP, 4, RESOLVER_QUESTION_MAX);
	struct sockaddr_in three = expect_udp(3, 40);
	struct sockaddr_in four = expect_udp(4, RESOLVER_QUESTION_MAX);
	ck_assert_uint_ne(three.sin_port, four.sin_port);
	answer_udp(&four, 4, 60000);
	expect_answer(RESOLVER_UDP, 4, 60000, false);
	answer_udp(&three, 4, 50); /* of another */
	answer_udp(&three, 3, RESOLVER_HEADER - 1);
	answer_udp(&three, 3, 50);
	expect_answer(RESOLVER_UDP, 3, 50, false);

	ask(RESOLVER_TCP, 5, 40);
	ask(RESOLVER_TCP, 6, RESOLVER_QUESTION_MAX);
	_close_ int five = expect_tcp(5, 40);
	_close_ int six = expect_tcp(6, RESOLVER_QUESTION_MAX);
	size_t n = make_answer(m, 6, RESOLVER_ANSWER_MAX);
	ck_assert_int_eq(io_write_all(six, m, n), 0);
	expect_answer(RESOLVER_TCP, 6, RESOLVER_ANSWER_MAX, false);
	n = make_answer(m, 5, 50);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(io_write_all(five, m + i, 1), 0);
		usleep(200);
	}
	expect_answer(RESOLVER_TCP, 5, 50, false);
	end();
}
END_TEST

/* What is no answer by TCP: none, too short, of another, half of one. */
START_TEST(bad_streams)
{
	uint8_t m[100];

	begin(true);
	serve();
	event(ADDRESS);
	for (uint16_t id = 1; id <= 4; id++) {
		ask(RESOLVER_TCP, id, 40);
		_close_ int fd = expect_tcp(id, 40);
		size_t n = make_answer(m, id == 3 ? 99 : id, id == 2 ? RESOLVER_HEADER - 1 : 50);

		ck_assert_int_eq(io_write_all(fd, m, id == 1 ? 0 : id == 4 ? n - 1 : n), 0);
		fd = fd_close(fd);
		expect_answer(RESOLVER_TCP, id, 40, true);
	}
	end();
}
END_TEST

/* A guest that gives no credit gets a window, and the rest when it does; it is not in the way of the process's own streams. */
START_TEST(answers_wait_for_credit)
{
	uint8_t credit[4];
	struct wire_frame f;
	size_t got = 0, len = 50000;
	const uint16_t sent = 30, more_than_a_window = 300;

	begin(true);
	serve();
	event(ADDRESS);
	for (uint16_t id = 0; id < sent; id++) {
		ask(RESOLVER_UDP, id, 40);
		struct sockaddr_in from = expect_udp(id, 40);

		answer_udp(&from, id, len);
	}
	while (rig_get(&rig, &f, 500)) {
		ck_assert_uint_eq(f.len, 1 + len);
		got++;
	}
	ck_assert_uint_eq(got, WIRE_WINDOW / (1 + len));
	rig_put_text(&rig, WIRE_DATA, 1, "output");
	char out[7] = "";
	ck_assert_int_eq(io_read_all(rig.out, out, 6), 0);
	ck_assert_str_eq(out, "output");
	wire_put_u32(credit, (uint32_t)(got * (1 + len)));
	rig_put(&rig, WIRE_CREDIT, WIRE_ANSWERS, credit, 4);
	while (got < sent) {
		rig_expect(&rig, WIRE_DATA, WIRE_ANSWERS, NULL);
		got++;
	}
	/* And its questions get theirs. */
	for (uint16_t id = 0; id < more_than_a_window; id++) {
		ask(RESOLVER_UDP, id, RESOLVER_QUESTION_MAX);
		struct sockaddr_in from = expect_udp(id, RESOLVER_QUESTION_MAX);

		answer_udp(&from, id, 20);
		ck_assert(rig_get(&rig, &f, 10000));
		if (f.type == WIRE_CREDIT) {
			ck_assert_uint_eq(f.id, WIRE_QUESTIONS);
			rig_expect(&rig, WIRE_DATA, WIRE_ANSWERS, NULL);
		}
	}
	end();
}
END_TEST

/* As many as there may be, to one who does not answer: each fails in the end, and there is room again. */
START_TEST(silent_server)
{
	begin(true);
	serve();
	event(ADDRESS);
	for (uint16_t id = 0; id < RESOLVER_PENDING; id++)
		ask(id % 2 ? RESOLVER_TCP : RESOLVER_UDP, id, 40);
	for (uint16_t id = 0; id < RESOLVER_PENDING; id++) {
		struct pollfd p = { .fd = rig.mon, .events = POLLIN };

		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		expect_answer(id % 2 ? RESOLVER_TCP : RESOLVER_UDP, id, 40, true);
	}
	while (recv(udp, (uint8_t[64]){ 0 }, 64, MSG_DONTWAIT) > 0)
		;
	ask(RESOLVER_UDP, 1000, 40);
	struct sockaddr_in from = expect_udp(1000, 40);
	answer_udp(&from, 1000, 20);
	expect_answer(RESOLVER_UDP, 1000, 20, false);
	end();
}
END_TEST

/* A guest, or a monitor, that breaks the rules: the connection ends, as for any other stream. */
static void breaks(bool resolver, const char *address, enum wire_type type, uint32_t id,
		   const void *data, size_t len)
{
	begin(resolver);
	event(address);
	if (len)
		rig_put(&rig, type, id, data, len);
	rig_expect_exit(&rig, 137);
	rig_done(&rig);
}

START_TEST(protocol_errors)
{
	static const uint8_t zero[1 + RESOLVER_QUESTION_MAX + 1];
	uint8_t reply[41] = { 0, 0, 1, 0x80 }, transport[41] = { RESOLVER_TCP + 1 };
	const uint8_t credit[4] = { 1 };

	breaks(false, ADDRESS, 0, 0, NULL, 0);
	breaks(true, "10.0.0.1", 0, 0, NULL, 0);
	breaks(true, "nonsense", 0, 0, NULL, 0);
	breaks(true, ADDRESS, WIRE_DATA, WIRE_QUESTIONS, zero, RESOLVER_HEADER);
	breaks(true, ADDRESS, WIRE_DATA, WIRE_QUESTIONS, zero, sizeof(zero));
	breaks(true, ADDRESS, WIRE_DATA, WIRE_QUESTIONS, reply, sizeof(reply));
	breaks(true, ADDRESS, WIRE_DATA, WIRE_QUESTIONS, transport, sizeof(transport));
	breaks(true, ADDRESS, WIRE_DATA, WIRE_ANSWERS, zero, 40);
	breaks(true, ADDRESS, WIRE_CREDIT, WIRE_ANSWERS, credit, 4);
	/* One more than there may be. */
	begin(true);
	serve();
	event(ADDRESS);
	for (uint16_t id = 0; id <= RESOLVER_PENDING; id++)
		ask(RESOLVER_UDP, id, 40);
	rig_expect_exit(&rig, 137);
	fd_close(udp);
	fd_close(tcp);
	rig_done(&rig);
}
END_TEST

UNIT_MAIN_ROOT("standin_resolver", questions_and_answers, bad_streams, answers_wait_for_credit,
	       silent_server, protocol_errors)
