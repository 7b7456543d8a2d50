// SPDX-License-Identifier: Apache-2.0
#include "wire/setup_msg.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/sock.h"
#include "wire/frame.h"

int setup_msg_send(int sock, json_t *json, const int *fds, size_t n_fds, struct err *err)
{
	_json_ json_t *copy = json_copy(json);
	uint8_t header[4];
	int r;

	if (json_object_set_new(copy, "n_fds", json_integer((json_int_t)n_fds)) < 0)
		return err_errno(err, ENOMEM, "set-up message");
	_free_ char *text = js_dump(copy);
	if (!text)
		return err_errno(err, ENOMEM, "set-up message");
	size_t len = strlen(text);
	if (len > SETUP_MAX_BYTES || n_fds > SETUP_MAX_FDS)
		return err_set(err, EMSGSIZE,
			       "set-up message of %zu bytes and %zu descriptors is too long", len,
			       n_fds);
	wire_put_u32(header, (uint32_t)len);
	r = sock_send_fds(sock, header, sizeof(header), NULL, 0);
	if (r == 0)
		r = sock_send_fds(sock, text, len, NULL, 0);
	for (size_t i = 0; r == 0 && i < n_fds; i += SOCK_MAX_FDS) {
		size_t n = n_fds - i < SOCK_MAX_FDS ? n_fds - i : SOCK_MAX_FDS;

		r = sock_send_fds(sock, "f", 1, fds + i, n);
	}
	return r < 0 ? err_errno(err, -r, "send set-up message") : 0;
}

void setup_msg_close(int *fds, size_t n_fds)
{
	for (size_t i = 0; fds && i < n_fds; i++)
		fd_close(fds[i]);
	free(fds);
}

/* The JSON part. */
static int recv_json(int sock, size_t max_bytes, json_t **ret, struct err *err)
{
	struct js_limits limits = { .max_bytes = max_bytes };
	uint8_t header[4];
	int r;

	r = io_read_all(sock, header, sizeof(header));
	if (r < 0)
		return err_errno(err, -r, "receive set-up message");
	size_t len = wire_get_u32(header);
	if (len > max_bytes)
		return err_set(err, EMSGSIZE, "set-up message of %zu bytes is too long", len);
	_free_ char *text = malloc(len + 1);
	if (!text)
		return err_errno(err, ENOMEM, "set-up message");
	r = io_read_all(sock, text, len);
	if (r < 0)
		return err_errno(err, r == -ENODATA ? EPROTO : -r, "receive set-up message");
	r = js_parse(text, len, &limits, ret, err);
	return r < 0 ? err_wrap(err, "set-up message") : 0;
}

int setup_msg_recv(int sock, const struct setup_limits *limits, json_t **ret_json, int **ret_fds,
		   size_t *ret_n, struct err *err)
{
	_json_ json_t *json = NULL;
	size_t got = 0;
	int *fds;
	int r;

	r = recv_json(sock, limits->max_bytes ? limits->max_bytes : SETUP_MAX_BYTES, &json, err);
	if (r < 0)
		return r;
	int64_t n = js_get_int(json, "n_fds", -1);
	if (!json_is_object(json) || n < 0 || (size_t)n > limits->max_fds)
		return err_set(err, EPROTO, "set-up message: n_fds: not from 0 to %zu",
			       limits->max_fds);
	fds = calloc((size_t)n + 1, sizeof(*fds));
	if (!fds)
		return err_errno(err, ENOMEM, "set-up message");
	while (got < (size_t)n) {
		size_t part = (size_t)n - got < SOCK_MAX_FDS ? (size_t)n - got : SOCK_MAX_FDS;
		char byte;
		ssize_t len = sock_recv_fds(sock, &byte, 1, fds + got, &part);

		if (len > 0 && part > 0) {
			got += part;
			continue;
		}
		setup_msg_close(fds, got);
		if (len < 0)
			return err_errno(err, (int)-len, "receive descriptors of set-up message");
		return err_set(err, EPROTO, "set-up message: %zu of %zu descriptors came", got,
			       (size_t)n);
	}
	*ret_json = take_ptr(json);
	*ret_fds = fds;
	*ret_n = got;
	return 0;
}
