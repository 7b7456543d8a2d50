/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/network_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "libruntime/monitor_client.h"
#include "libruntime/network_given.h"
#include "libruntime/network_late.h"

#define TELL_MS 25000 /* the guest waits for its interfaces */
#define UNPLUG_MS 35000 /* native PCIe hot-plug takes six seconds, and has its own limit */

static json_t *interfaces_of(const struct state *s)
{
	return json_object_get(s->given, "interfaces");
}

static bool has_name(char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void forget_name(struct state *s, const char *name)
{
	char **to = s->interfaces;

	for (char **from = to; from && *from; from++)
		if (strcmp(*from, name) == 0)
			free(*from);
		else
			*to++ = *from;
	if (to)
		*to = NULL;
}

static void release_one(const char *netns, const char *name)
{
	char *const names[] = { (char *)name, NULL };

	network_release(netns, names);
}

/* A record of a version that noted names only: from now on changes are passed on, but no interface of it is taken out. */
static int complete(struct state *s, const struct network *now, struct err *err)
{
	if (s->given || !s->interfaces || !*s->interfaces)
		return 0;
	if (network_given_add(&s->given, now, 0, err) < 0)
		return err_errno(err, ENOMEM, "network");
	for (size_t i = json_array_size(interfaces_of(s)); i-- > 0;) {
		json_t *o = json_array_get(interfaces_of(s), i);

		json_object_del(o, "device");
		if (!has_name(s->interfaces, js_get_str(o, "name")))
			network_given_remove(s->given, i);
	}
	return 0;
}

/* Named by a command that was killed before it had plugged it in. */
static void drop_half_made(struct state *s, const char *netns)
{
	_strv_ char **names = strv_copy(s->interfaces);

	for (char **n = names; n && *n; n++) {
		if (js_find(interfaces_of(s), "name", *n))
			continue;
		release_one(netns, *n);
		forget_name(s, *n);
	}
}

/* One that lives on under another name or address loses what was put there. */
static void release_old(const json_t *o, const struct network *now)
{
	for (size_t i = 0; i < now->n; i++)
		if (now->v[i].index == js_get_int(o, "index", -1))
			release_one(now->netns, now->v[i].name);
}

static int unplug(struct container *c, size_t i, const struct network *now, struct err *err)
{
	json_t *o = json_array_get(interfaces_of(&c->state), i);
	_free_ char *name = strdup(js_get_str(o, "name") ? js_get_str(o, "name") : "");
	int r;

	if (!name)
		return err_errno(err, ENOMEM, "network");
	r = container_request(c, "unplug",
			      json_pack("{s:O}", "device", json_object_get(o, "device")), UNPLUG_MS,
			      NULL, err);
	/* A command that was killed may have done it. */
	if (r < 0 && r != -ENOENT)
		return err_wrap(err, "network interface %s is gone, but not from the guest", name);
	log_info("network interface %s unplugged", name);
	release_old(o, now);
	forget_name(&c->state, name);
	network_given_remove(c->state.given, i);
	return state_save(c->dir, &c->state, err);
}

static int drop_gone(struct container *c, const struct network *now, struct err *err)
{
	int r = 0;

	for (size_t i = json_array_size(interfaces_of(&c->state)); i-- > 0 && r >= 0;) {
		const json_t *o = json_array_get(interfaces_of(&c->state), i);

		if (json_object_get(o, "device") && !network_given_find(o, now))
			r = unplug(c, i, now, err);
	}
	return r;
}

static int tell_changes(struct container *c, const struct network *now, struct err *err)
{
	json_t *diff = NULL;
	int r;

	if (!c->state.given)
		return 0;
	r = network_given_diff(c->state.given, now, &diff, err);
	if (r < 0 || !diff)
		return r;
	r = container_request(c, "network", diff, TELL_MS, NULL, err);
	if (r >= 0)
		r = network_given_update(c->state.given, now, err);
	return r < 0 ? err_wrap(err, "network") : state_save(c->dir, &c->state, err);
}

/* *now becomes those that are new. */
static int add_new(struct container *c, struct network *now, struct err *err)
{
	int r;

	network_leave_out_idle(now);
	r = network_plug(c->dir, &c->state, MONITOR_REQUEST_MS, now, err);
	if (r < 0 || now->n == 0)
		return r;
	r = container_request(c, "network", network_describe(now, 0), TELL_MS, NULL, err);
	if (r < 0) {
		network_unplug(c->dir, &c->state, now);
		return err_wrap(err, "network");
	}
	return state_save(c->dir, &c->state, err);
}

int network_catch_up(struct container *c, struct err *err)
{
	_cleanup_(network_done) struct network now = { 0 };
	_close_ int standin = -EBADF;
	struct err second = {}, third = {};
	char path[64];
	int r;

	if (!c->state.network)
		return 0;
	/* Its namespace is looked at by pid. */
	standin = status_open_process(&c->state, &c->state.standin);
	if (standin < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", c->state.standin.pid);
	r = network_scan_all(path, &now, err);
	if (r >= 0)
		r = complete(&c->state, &now, err);
	if (r < 0)
		return r;
	drop_half_made(&c->state, path);
	r = drop_gone(c, &now, err);
	if (tell_changes(c, &now, &second) < 0 && r >= 0)
		r = err_set(err, second.code, "%s", second.msg);
	if (add_new(c, &now, &third) < 0 && r >= 0)
		r = err_set(err, third.code, "%s", third.msg);
	return r;
}
