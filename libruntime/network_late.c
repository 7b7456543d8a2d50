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
#include "libruntime/network_given.h"

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

/* How the record was, to go back to. */
struct known {
	size_t names;
	json_t *given; /* owned */
};

static struct known known(const struct state *s)
{
	return (struct known){ strv_len(s->interfaces), json_deep_copy(s->given) };
}

static void undo(int dir, struct state *s, struct known *before, struct network *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (*n->v[i].plugged.device)
			plug_out(dir, n->v[i].plugged.device);
	network_detach(n);
	network_done(n);
	for (char **name = s->interfaces ? s->interfaces + before->names : NULL; name && *name;
	     name++) {
		free(*name);
		*name = NULL;
	}
	json_decref(s->given);
	s->given = take_ptr(before->given);
	(void)state_save(dir, s, NULL);
}

int network_plug(int dir, struct state *s, int timeout_ms, struct network *n, struct err *err)
{
	struct known before;
	int r;

	n->macvtap = s->macvtap;
	network_leave_out(n, s->interfaces);
	if (n->n == 0)
		return 0;
	before = known(s);
	r = note(dir, s, n, err);
	if (r >= 0)
		r = network_attach(n, err);
	for (size_t i = 0; r >= 0 && i < n->n; i++)
		r = plug_interface(dir, s->id, &n->v[i], timeout_ms, err);
	if (r >= 0)
		r = network_given_add(&s->given, n, 0, err);
	if (r < 0)
		undo(dir, s, &before, n);
	else
		json_decref(before.given);
	return r;
}

void network_unplug(int dir, struct state *s, struct network *n)
{
	struct known before = { strv_len(s->interfaces) - n->n, json_deep_copy(s->given) };
	json_t *interfaces = json_object_get(before.given, "interfaces");

	for (size_t i = n->n; i-- > 0;)
		network_given_remove(before.given, json_array_size(interfaces) - 1);
	undo(dir, s, &before, n);
}

int network_plug_new(int dir, struct state *s, int timeout_ms, struct network *ret, struct err *err)
{
	struct network n = { 0 };
	char own[64];
	int r;

	*ret = n;
	snprintf(own, sizeof(own), "/proc/%d/ns/net", s->standin.pid);
	r = network_scan(s->netns ? s->netns : own, &n, err);
	if (r >= 0)
		r = network_plug(dir, s, timeout_ms, &n, err);
	if (r >= 0)
		*ret = n;
	else
		network_done(&n);
	return r;
}
