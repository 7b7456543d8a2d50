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

#define TELL_MS 25000 /* the guest waits for its interfaces */

static int plug_interface(int dir, const char *id, struct network_interface *i, int timeout_ms,
			  struct err *err)
{
	const struct vm_device v = { .kind = (char *)VM_DEVICE_NET, .mac = i->mac };
	int r = plug(dir, id, &v, i->tap, timeout_ms, &i->plugged, err);

	if (r < 0)
		return r;
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

static void undo(int dir, struct state *s, size_t known, struct network *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (*n->v[i].plugged.device)
			plug_out(dir, n->v[i].plugged.device);
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
	n.macvtap = s->macvtap;
	network_leave_out(&n, s->interfaces);
	if (n.n == 0) {
		network_done(&n);
		return 0;
	}
	r = note(dir, s, &n, err);
	if (r >= 0)
		r = network_attach(&n, err);
	for (size_t i = 0; r >= 0 && i < n.n; i++)
		r = plug_interface(dir, s->id, &n.v[i], timeout_ms, err);
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
