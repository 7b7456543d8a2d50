// SPDX-License-Identifier: Apache-2.0
/* The commands' side of a request: send, then wait for its reply, within a time limit. */
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/sock.h"
#include "wire/message.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for events until the deadline (< 0: none): 0, -ETIMEDOUT or -errno. */
static int wait_for(int sock, short events, int64_t deadline)
{
	struct pollfd p = { .fd = sock, .events = events };
	int r;

	do {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();

		if (deadline >= 0 && left < 0)
			left = 0;
		r = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	} while (r < 0 && errno == EINTR);
	return r > 0 ? 0 : r < 0 ? -errno : -ETIMEDOUT;
}

/* Exactly len bytes in or out. */
static int transfer(int sock, void *data, size_t len, bool out, int64_t deadline)
{
	uint8_t *p = data;
	ssize_t n;
	int r;

	while (len > 0) {
		n = out ? send(sock, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) :
			  recv(sock, p, len, MSG_DONTWAIT);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == 0 || errno == EPIPE) {
			return -ECONNRESET;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			r = wait_for(sock, out ? POLLOUT : POLLIN, deadline);
			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int send_request(int sock, uint32_t id, const char *method, json_t *params, int fd,
			int64_t deadline, struct err *err)
{
	uint8_t header[WIRE_HEADER_SIZE];
	_free_ char *text = wire_format_request(method, params);
	int r;

	if (!text)
		return err_errno(err, ENOMEM, "request '%s'", method);
	size_t len = strlen(text);
	if (!wire_length_valid(WIRE_REQUEST, len))
		return err_set(err, EMSGSIZE, "request '%s' of %zu bytes is too long", method, len);
	wire_put_header(header, WIRE_REQUEST, id, (uint32_t)len);
	r = fd < 0 ? transfer(sock, header, sizeof(header), true, deadline) :
		     sock_send_fds(sock, header, sizeof(header), &fd, 1);
	return r < 0 ? r : transfer(sock, text, len, true, deadline);
}

/* The next frame with its payload in fresh memory; -EPROTO has its message already. */
static int receive(int sock, struct wire_frame *f, uint8_t **ret, int64_t deadline, struct err *err)
{
	uint8_t header[WIRE_HEADER_SIZE];
	int r;

	r = transfer(sock, header, sizeof(header), false, deadline);
	if (r < 0)
		return r;
	r = wire_get_header(header, false, f, err);
	if (r < 0)
		return r;
	_free_ uint8_t *payload = malloc((size_t)f->len + 1);
	if (!payload)
		return -ENOMEM;
	r = transfer(sock, payload, f->len, false, deadline);
	if (r < 0)
		return r;
	*ret = take_ptr(payload);
	f->payload = *ret;
	return 0;
}

int wire_call(int sock, const char *method, json_t *params, int timeout_ms, json_t **ret_result,
	      struct err *err)
{
	return wire_call_fd(sock, method, params, -EBADF, timeout_ms, ret_result, err);
}

int wire_call_fd(int sock, const char *method, json_t *params, int fd, int timeout_ms,
		 json_t **ret_result, struct err *err)
{
	static uint32_t last_id; /* a late reply to an earlier request is told by its id */
	uint32_t id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	_json_ json_t *result = NULL;
	struct err e = { 0 };
	int r;

	r = send_request(sock, id, method, params, fd, deadline, &e);
	while (r == 0) {
		_free_ uint8_t *payload = NULL;
		struct wire_frame f;

		r = receive(sock, &f, &payload, deadline, &e);
		if (r < 0)
			break;
		if (f.type == WIRE_REPLY && f.id == id) {
			r = wire_parse_reply(&f, &result, NULL, err);
			if (r == 0 && ret_result)
				*ret_result = take_ptr(result);
			return r;
		}
		if (f.type != WIRE_EVENT && f.type != WIRE_REPLY)
			r = err_set(&e, EPROTO, "unexpected frame of type %d", f.type);
		else if (deadline >= 0 && now_ms() > deadline)
			r = -ETIMEDOUT; /* a flood of events is no excuse */
	}
	if (e.code)
		return err_set(err, e.code, "request '%s': %s", method, e.msg);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "request '%s': no reply within %d ms", method,
			       timeout_ms);
	if (r == -ECONNRESET)
		return err_set(err, ECONNRESET, "request '%s': connection closed by the other side",
			       method);
	return err_errno(err, -r, "request '%s'", method);
}
