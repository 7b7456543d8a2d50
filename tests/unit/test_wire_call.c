// SPDX-License-Identifier: Apache-2.0
/* wire_call against a scripted peer in a child process; and set-up messages. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/sock.h"
#include "tests/unit/unit.h"
#include "wire/message.h"
#include "wire/setup_msg.h"

static int sock = -EBADF, peer = -EBADF;
static struct err err;

static void put(enum wire_type type, uint32_t id, const char *text)
{
	uint8_t h[WIRE_HEADER_SIZE];

	wire_put_header(h, type, id, (uint32_t)strlen(text));
	if (io_write_all(peer, h, sizeof(h)) < 0 || io_write_all(peer, text, strlen(text)) < 0)
		_exit(1);
}

/* Takes one request: its id. */
static uint32_t take(void)
{
	uint8_t h[WIRE_HEADER_SIZE];
	struct wire_frame f;

	if (io_read_all(peer, h, sizeof(h)) < 0 || wire_get_header(h, true, &f, NULL) < 0)
		_exit(1);
	char *text = malloc(f.len + 1);
	if (io_read_all(peer, text, f.len) < 0)
		_exit(1);
	free(text);
	return f.id;
}

static pid_t with_peer(void (*script)(void))
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	sock = fd[0];
	peer = fd[1];
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(sock);
		script();
		_exit(0);
	}
	close(peer);
	err = (struct err){ 0 };
	return pid;
}

static void end_peer(pid_t pid)
{
	int status;

	close(sock);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

static void script_ok(void)
{
	uint32_t id = take();

	put(WIRE_EVENT, 0, "{\"event\":\"log\"}");
	put(WIRE_REPLY, id + 100, "{\"error\":{\"code\":1,\"message\":\"late\"}}");
	put(WIRE_REPLY, id, "{\"result\":{\"pid\":5}}");
	id = take();
	put(WIRE_REPLY, id, "{\"error\":{\"code\":2,\"message\":\"no\\nsuch\"}}");
	id = take();
	put(WIRE_REPLY, id, "{}");
}

START_TEST(replies)
{
	pid_t pid = with_peer(script_ok);
	json_t *result = NULL, *params = json_pack("{s:s}", "id", "c");

	unit_ok(wire_call(sock, "start", params, 5000, &result, &err), &err);
	ck_assert_int_eq(js_get_int(result, "pid", 0), 5);
	json_decref(result);
	json_decref(params);
	unit_fails(wire_call(sock, "start", NULL, 5000, &result, &err), ENOENT, &err, "no such");
	ck_assert_str_eq(err.msg, "no such");
	unit_ok(wire_call(sock, "start", NULL, -1, NULL, &err), &err);
	end_peer(pid);
}
END_TEST

static void script_hang(void)
{
	take();
	put(WIRE_EVENT, 0, "{\"event\":\"log\"}");
	if (write(peer, "\1\0\0", 3) != 3)
		_exit(1);
	pause();
}

static int64_t elapsed_ms(const struct timespec *since)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec - since->tv_sec) * 1000 + (t.tv_nsec - since->tv_nsec) / 1000000;
}

START_TEST(deadline)
{
	pid_t pid = with_peer(script_hang);
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	unit_fails(wire_call(sock, "container.create", NULL, 200, NULL, &err), ETIMEDOUT, &err,
		   "container.create");
	ck_assert_int_ge(elapsed_ms(&t), 190); /* both clocks cut to whole ones */
	ck_assert_int_lt(elapsed_ms(&t), 2000);
	kill(pid, SIGKILL);
	end_peer(pid);
}
END_TEST

static void script_deaf(void)
{
	pause();
}

/* A request that nobody reads, larger than the socket's buffer. */
START_TEST(deadline_of_sending)
{
	pid_t pid = with_peer(script_deaf);
	char *big = malloc(0x400000);

	memset(big, 'x', 0x400000 - 1);
	big[0x400000 - 1] = '\0';
	json_t *params = json_pack("{s:s}", "config", big);
	unit_fails(wire_call(sock, "create", params, 100, NULL, &err), ETIMEDOUT, &err, "create");
	json_decref(params);
	free(big);
	kill(pid, SIGKILL);
	end_peer(pid);
}
END_TEST

static void script_flood(void)
{
	take();
	for (;;)
		put(WIRE_EVENT, 0, "{\"event\":\"log\"}");
}

START_TEST(flood_of_events)
{
	pid_t pid = with_peer(script_flood);

	unit_fails(wire_call(sock, "state", NULL, 200, NULL, &err), ETIMEDOUT, &err, "state");
	end_peer(pid);
}
END_TEST

static void script_close(void)
{
	take();
	if (write(peer, "\1\0\0", 3) != 3)
		_exit(1);
}

START_TEST(peer_goes_away)
{
	pid_t pid = with_peer(script_close);

	unit_fails(wire_call(sock, "kill", NULL, 5000, NULL, &err), ECONNRESET, &err,
		   "request 'kill'");
	unit_fails(wire_call(sock, "kill", NULL, 5000, NULL, &err), ECONNRESET, &err,
		   "request 'kill'");
	end_peer(pid);
}
END_TEST

static void script_data(void)
{
	take();
	put(WIRE_DATA, 1, "x");
	pause();
}

static void script_request(void)
{
	take();
	put(WIRE_REQUEST, 1, "{}");
	pause();
}

static void script_malformed(void)
{
	put(WIRE_REPLY, take(), "{\"error\":3}");
	pause();
}

START_TEST(protocol_errors)
{
	void (*const scripts[])(void) = { script_data, script_request, script_malformed };

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		pid_t pid = with_peer(scripts[i]);

		ck_assert_int_eq(wire_call(sock, "kill", NULL, 5000, NULL, &err), -EPROTO);
		kill(pid, SIGKILL);
		end_peer(pid);
	}
}
END_TEST

START_TEST(request_too_long)
{
	char *big = malloc(WIRE_MAX_REQUEST + 1);
	pid_t pid = with_peer(script_deaf);

	memset(big, 'x', WIRE_MAX_REQUEST);
	big[WIRE_MAX_REQUEST] = '\0';
	json_t *params = json_pack("{s:s}", "config", big);
	unit_fails(wire_call(sock, "create", params, 100, NULL, &err), EMSGSIZE, &err, "too long");
	json_decref(params);
	free(big);
	kill(pid, SIGKILL);
	end_peer(pid);
}
END_TEST

/* ---- set-up messages ---- */

static void setup_round_trip(size_t n)
{
	struct setup_limits limits = { .max_fds = 100 };
	int fd[2], *fds = calloc(n + 1, sizeof(int)), *got = NULL;
	size_t n_got = 77;
	json_t *json = json_pack("{s:s}", "id", "c1"), *back = NULL;
	int before = unit_count_fds();

	err.code = 0;
	unit_ok(sock_pair(fd, &err), &err);
	for (size_t i = 0; i < n; i++)
		fds[i] = open(i % 2 ? "/dev/null" : "/dev/zero", O_RDONLY | O_CLOEXEC);
	unit_ok(setup_msg_send(fd[0], json, fds, n, &err), &err);
	ck_assert_uint_eq(json_object_size(json), 1);
	setup_msg_close(fds, n);
	unit_ok(setup_msg_send(fd[0], json, NULL, 0, &err), &err); /* another one right behind it */
	unit_ok(setup_msg_recv(fd[1], &limits, &back, &got, &n_got, &err), &err);
	ck_assert_uint_eq(n_got, n);
	ck_assert_str_eq(js_get_str(back, "id"), "c1");
	for (size_t i = 0; i < n; i++) {
		struct stat a, b;

		ck_assert_int_eq(fstat(got[i], &a), 0);
		ck_assert_int_eq(stat(i % 2 ? "/dev/null" : "/dev/zero", &b), 0);
		ck_assert(a.st_rdev == b.st_rdev);
		ck_assert(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
	}
	setup_msg_close(got, n_got);
	json_decref(back);
	unit_ok(setup_msg_recv(fd[1], &limits, &back, &got, &n_got, &err), &err);
	ck_assert_uint_eq(n_got, 0);
	setup_msg_close(got, n_got);
	json_decref(back);
	json_decref(json);
	close(fd[0]);
	unit_fails(setup_msg_recv(fd[1], &limits, &back, &got, &n_got, &err), ENODATA, &err,
		   "set-up message");
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);
}

START_TEST(setup_messages)
{
	static const size_t counts[] = { 0, 1, 15, 16, 17, 32, 33, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		setup_round_trip(counts[i]);
}
END_TEST

static void setup_raw(const void *data, size_t len, size_t n_fds, int want, const char *part)
{
	struct setup_limits limits = { .max_bytes = 100, .max_fds = 4 };
	json_t *back = NULL;
	int fd[2], *got = NULL, before = unit_count_fds();
	size_t n_got;

	err.code = 0;
	unit_ok(sock_pair(fd, &err), &err);
	ck_assert_int_eq(io_write_all(fd[0], data, len), 0);
	if (n_fds) {
		int fds[16], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		for (size_t i = 0; i < n_fds; i++)
			fds[i] = null;
		ck_assert_int_eq(sock_send_fds(fd[0], "f", 1, fds, n_fds), 0);
		close(null);
	}
	close(fd[0]);
	unit_fails(setup_msg_recv(fd[1], &limits, &back, &got, &n_got, &err), want, &err, part);
	ck_assert_ptr_null(back);
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);
}

START_TEST(bad_setup_messages)
{
	setup_raw("\1\0", 2, 0, ENODATA, "receive");
	setup_raw("\x65\0\0\0", 4, 0, EMSGSIZE, "101 bytes");
	setup_raw("\xff\xff\xff\xff", 4, 0, EMSGSIZE, "too long");
	setup_raw("\4\0\0\0{}", 6, 0, EPROTO, "receive");
	setup_raw("\2\0\0\0{}", 6, 0, EPROTO, "n_fds");
	setup_raw("\2\0\0\0[]", 6, 0, EPROTO, "n_fds");
	setup_raw("\2\0\0\0{]", 6, 0, EINVAL, "set-up message");
	setup_raw("\x0b\0\0\0{\"n_fds\":5}", 15, 5, EPROTO, "n_fds");
	setup_raw("\x0c\0\0\0{\"n_fds\":-1}", 16, 0, EPROTO, "n_fds");
	setup_raw("\x0b\0\0\0{\"n_fds\":3}", 15, 2, EPROTO, "2 of 3");
	setup_raw("\x0b\0\0\0{\"n_fds\":3}", 15, 4, EMFILE, "descriptors");
	setup_raw("\x0b\0\0\0{\"n_fds\":3}f", 16, 0, EPROTO, "0 of 3");
}
END_TEST

UNIT_MAIN("wire_call", replies, deadline, deadline_of_sending, flood_of_events, peer_goes_away,
	  protocol_errors, request_too_long, setup_messages, bad_setup_messages)
