/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/network_late.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "base/str.h"
#include "libruntime/monitor_client.h"
#include "wire/message.h"

#define UNPLUG_MS 10000
#define TELL_MS 25000 /* the guest waits for its interfaces */

static int take_text(const json_t *o, const char *key, char *ret, size_t size)
{
	const char *s = js_get_str(o, key);

	if (!s || !*s || strlen(s) >= size)
		return -EPROTO;
	memcpy(ret, s, strlen(s) + 1);
	return 0;
}

static int plug(int dir, struct network_interface *i, int timeout_ms, struct err *err)
{
	struct vm_device v = { .kind = (char *)VM_DEVICE_NET, .mac = i->mac };
	_close_ int sock = sock_connect_at(dir, MONITOR_SOCKET, err);
	_json_ json_t *params = vm_device_to_json(&v), *result = NULL;
	int r;

	if (sock < 0)
		return sock;
	r = wire_call_fd(sock, "plug", params, i->tap, timeout_ms, &result, err);
	if (r < 0)
		return r;
	if (take_text(result, "device", i->device, sizeof(i->device)) < 0 ||
	    take_text(result, "port", i->port, sizeof(i->port)) < 0)
		return err_set(err, EPROTO, "plug: no port");
	/* It ends with its last descriptor. */
	i->tap = fd_close(i->tap);
	log_info("network interface %s plugged in", i->name);
	return 0;
}

/* Names are added to the record before, and taken back from it after a failure. */
static int note(int dir, struct state *s, const struct network *n, struct err *err)
{
	for (size_t i = 0; i < n->n; i++)
		if (strv_add(&s->interfaces, n->v[i].name) < 0)
			return err_errno(err, ENOMEM, "state");
	return state_save(dir, s, err);
}

static void unplug(int dir, const struct network_interface *i)
{
	_json_ json_t *params = json_pack("{s:s}", "device", i->device);

	if (*i->device)
		(void)monitor_request(dir, "unplug", params, UNPLUG_MS, NULL, NULL);
}

static void undo(int dir, struct state *s, size_t known, struct network *n)
{
	for (size_t i = 0; i < n->n; i++)
		unplug(dir, &n->v[i]);
	network_detach(n);
	network_done(n);
	for (char **name = s->interfaces ? s->interfaces + known : NULL; name && *name; name++) {
		free(*name);
		*name = NULL;
	}
	(void)state_save(dir, s, NULL);
}

int network_plug_new(int dir, struct state *s, int timeout_ms, struct network *ret, struct err *err)
{
	size_t known = strv_len(s->interfaces);
	struct network n = { 0 };
	char own[64];
	int r;

	*ret = n;
	snprintf(own, sizeof(own), "/proc/%d/ns/net", s->standin.pid);
	r = network_scan(s->netns ? s->netns : own, &n, err);
	if (r < 0)
		return r;
	network_leave_out(&n, s->interfaces);
	if (n.n == 0) {
		network_done(&n);
		return 0;
	}
	r = note(dir, s, &n, err);
	if (r >= 0)
		r = network_attach(&n, err);
	for (size_t i = 0; r >= 0 && i < n.n; i++)
		r = plug(dir, &n.v[i], timeout_ms, err);
	if (r < 0) {
		undo(dir, s, known, &n);
		return r;
	}
	*ret = n;
	return 0;
}

int network_catch_up(struct container *c, struct err *err)
{
	_close_ int standin = -EBADF;
	size_t known = strv_len(c->state.interfaces);
	struct network n;
	int r;

	if (!c->state.network)
		return 0;
	/* Its namespace is looked at by pid. */
	standin = status_open_process(&c->state, &c->state.standin);
	if (standin < 0)
		return 0;
	r = network_plug_new(c->dir, &c->state, MONITOR_REQUEST_MS, &n, err);
	if (r < 0 || n.n == 0)
		return r;
	r = container_request(c, "network", network_describe(&n, 0), TELL_MS, NULL, err);
	if (r < 0)
		undo(c->dir, &c->state, known, &n);
	else
		network_done(&n);
	return r < 0 ? err_wrap(err, "network") : 0;
}
