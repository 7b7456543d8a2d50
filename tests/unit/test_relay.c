/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of vhost-user on their way through a relay: each as it came, with the descriptors that came with it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/sock.h"
#include "monitor/relay.h"

static int in[2], out[2]; /* [0]: the test's end */

static void setup(void)
{
	struct err err = { 0 };

	unit_ok(sock_pair(in, &err), &err);
	unit_ok(sock_pair(out, &err), &err);
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		fd_close(in[i]);
		fd_close(out[i]);
	}
}

/* A message with a payload of that many bytes; what it says of its size. */
static size_t message(uint8_t *ret, uint32_t request, size_t payload, uint32_t size)
{
	memcpy(ret, &request, 4);
	memset(ret + 4, 0, 4);
	memcpy(ret + 8, &size, 4);
	memset(ret + 12, (int)request, payload);
	return 12 + payload;
}

static void send_message(uint32_t request, size_t payload, const int *fds, size_t n_fds)
{
	uint8_t bytes[8192];
	size_t len = message(bytes, request, payload, (uint32_t)payload);

	ck_assert_int_eq(sock_send_fds(in[0], bytes, len, fds, n_fds), 0);
}

static void expect(uint32_t request, size_t payload, size_t n_fds)
{
	uint8_t bytes[8192], want[8192];
	size_t len = message(want, request, payload, (uint32_t)payload), n = SOCK_MAX_FDS;
	int fds[SOCK_MAX_FDS], bad;

	ck_assert_int_eq(relay_message(in[1], out[1], &bad), 1);
	/* As QEMU and libvhost-user read: the header first, and the descriptors with it. */
	ck_assert_int_eq(sock_recv_fds(out[0], bytes, 12, fds, &n), 12);
	ck_assert_uint_eq(n, n_fds);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	if (payload > 0)
		ck_assert_int_eq(read(out[0], bytes + 12, payload), (ssize_t)payload);
	ck_assert_mem_eq(bytes, want, len);
}

START_TEST(descriptors_stay_with_their_message)
{
	int fds[8];

	setup();
	for (int i = 0; i < 8; i++)
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* All are on the way before the first is passed on. */
	send_message(1, 8, NULL, 0);
	send_message(5, 300, fds, 8);
	send_message(2, 0, NULL, 0);
	send_message(3, 0, fds, 1);
	send_message(4, 4096, fds, 2);
	expect(1, 8, 0);
	expect(5, 300, 8);
	expect(2, 0, 0);
	expect(3, 0, 1);
	expect(4, 4096, 2);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	teardown();
}
END_TEST

START_TEST(in_pieces)
{
	uint8_t bytes[64];
	size_t len = message(bytes, 9, 20, 20);
	int bad;

	setup();
	if (fork() == 0) {
		for (size_t i = 0; i < len; i++)
			(void)!write(in[0], bytes + i, 1);
		_exit(0);
	}
	expect(9, 20, 0);
	/* The end in the middle of one is one. */
	ck_assert_int_eq(write(in[0], bytes, 14), 14);
	in[0] = fd_close(in[0]);
	ck_assert_int_eq(relay_message(in[1], out[1], &bad), 0);
	ck_assert_int_eq(bad, in[1]);
	teardown();
}
END_TEST

START_TEST(what_cannot_be_passed_on)
{
	int fds[SOCK_MAX_FDS], more[2], bad, lowest;
	uint8_t bytes[64];

	setup();
	message(bytes, 1, 0, 4097);
	ck_assert_int_eq(write(in[0], bytes, 12), 12);
	ck_assert_int_eq(relay_message(in[1], out[1], &bad), -EMSGSIZE);
	ck_assert_int_eq(bad, in[1]);
	teardown();

	/* More descriptors than any message has: none of them stays open. */
	setup();
	for (size_t i = 0; i < SOCK_MAX_FDS; i++)
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	more[0] = more[1] = fds[0];
	message(bytes, 1, 8, 8);
	ck_assert_int_eq(sock_send_fds(in[0], bytes, 12, fds, SOCK_MAX_FDS), 0);
	ck_assert_int_eq(sock_send_fds(in[0], bytes + 12, 8, more, 2), 0);
	lowest = dup(0);
	close(lowest);
	ck_assert_int_lt(relay_message(in[1], out[1], &bad), 0);
	ck_assert_int_eq(bad, in[1]);
	ck_assert_int_eq(dup(0), lowest);
	close(lowest);
	for (size_t i = 0; i < SOCK_MAX_FDS; i++)
		close(fds[i]);
	teardown();

	/* The other side has gone. */
	setup();
	out[0] = fd_close(out[0]);
	send_message(1, 8, NULL, 0);
	ck_assert_int_eq(relay_message(in[1], out[1], &bad), -EPIPE);
	ck_assert_int_eq(bad, out[1]);
	teardown();
}
END_TEST

UNIT_MAIN("relay", descriptors_stay_with_their_message, in_pieces, what_cannot_be_passed_on)
