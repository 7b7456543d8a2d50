/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest has been told of a network, and what of it has changed. */
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "libruntime/network_given.h"
#include "libruntime/state.h"
#include "tests/unit/unit.h"

static void add(struct network *n, const char *name, int index, const char *mac, const char *address)
{
	struct network_interface *v = &n->v[n->n++];

	if (!n->routes)
		n->routes = json_array();
	*v = (struct network_interface){ .mtu = 1500, .index = index, .tap = -1 };
	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(v->mac, sizeof(v->mac), "%s", mac);
	v->addresses = json_array();
	v->neighbours = json_array();
	json_array_append_new(v->addresses, json_string(address));
}

static void route(struct network *n, const char *to, const char *dev)
{
	json_array_append_new(n->routes, json_pack("{s:s, s:s}", "to", to, "dev", dev));
}

static void two(struct network *n)
{
	add(n, "eth0", 2, "02:00:00:00:00:01", "10.0.0.2/24");
	add(n, "eth1", 3, "02:00:00:00:00:02", "10.0.1.2/24");
	route(n, "default", "eth0");
	route(n, "10.7.0.0/16", "eth1");
}

/* NULL: nothing has changed. */
static char *diff_text(const json_t *given, const struct network *now)
{
	_json_ json_t *diff = NULL;
	struct err err = {};

	unit_ok(network_given_diff(given, now, &diff, &err), &err);
	return diff ? js_dump(diff) : NULL;
}

static void expect(const json_t *given, const struct network *now, const char *want)
{
	_free_ char *text = diff_text(given, now);

	ck_assert_pstr_eq(text, want);
}

START_TEST(nothing)
{
	_cleanup_(network_done) struct network now = {};
	_json_ json_t *given = NULL;
	struct err err = {};

	two(&now);
	unit_ok(network_given_add(&given, &now, 3, &err), &err);
	expect(given, &now, NULL);
	/* Numbers in the setup. */
	ck_assert_int_eq(js_get_int(js_find(json_object_get(given, "interfaces"), "name", "eth1"),
				    "device", -1),
			 4);
	/* The order in which the kernel tells them does not matter. */
	json_array_append(now.routes, json_array_get(now.routes, 0));
	json_array_remove(now.routes, 0);
	expect(given, &now, NULL);
}
END_TEST

START_TEST(changes)
{
	_cleanup_(network_done) struct network now = {};
	_json_ json_t *given = NULL;
	struct err err = {};

	two(&now);
	unit_ok(network_given_add(&given, &now, 0, &err), &err);
	json_decref(now.v[1].addresses);
	now.v[1].addresses = json_pack("[s]", "10.0.1.3/24");
	now.v[0].mtu = 1300;
	json_array_remove(now.routes, 0);
	route(&now, "default", "eth1");
	/* One that is new is not among them. */
	add(&now, "eth2", 4, "02:00:00:00:00:03", "10.0.2.2/24");
	route(&now, "10.8.0.0/16", "eth2");
	expect(given, &now,
	       "{\"interfaces\":[{\"name\":\"eth0\",\"addresses\":[\"10.0.0.2/24\"],\"neighbours\":[],"
	       "\"removed\":{\"addresses\":[],\"neighbours\":[]},\"mtu\":1300},"
	       "{\"name\":\"eth1\",\"addresses\":[\"10.0.1.3/24\"],\"neighbours\":[],"
	       "\"removed\":{\"addresses\":[\"10.0.1.2/24\"],\"neighbours\":[]}}],"
	       "\"routes\":[{\"to\":\"10.7.0.0/16\",\"dev\":\"eth1\"},{\"to\":\"default\",\"dev\":\"eth1\"}],"
	       "\"removed\":[{\"to\":\"default\",\"dev\":\"eth0\"}]}");
	unit_ok(network_given_update(given, &now, &err), &err);
	expect(given, &now, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(given, "interfaces")), 2);
}
END_TEST

START_TEST(gone)
{
	_cleanup_(network_done) struct network before = {}, now = {};
	_json_ json_t *given = NULL;
	const json_t *interfaces;
	struct err err = {};

	two(&before);
	before.v[0].socket = strdup("/vhu.sock");
	snprintf(before.v[1].plugged.device, sizeof(before.v[1].plugged.device), "net7");
	unit_ok(network_given_add(&given, &before, 0, &err), &err);
	interfaces = json_object_get(given, "interfaces");
	ck_assert_ptr_null(json_object_get(json_array_get(interfaces, 0), "device"));
	ck_assert_str_eq(js_get_str(json_array_get(interfaces, 1), "device"), "net7");
	/* A switch's is known by its name; another one of that name is not the old one. */
	add(&now, "eth0", 9, "02:00:00:00:00:09", "10.0.0.2/24");
	add(&now, "eth1", 10, "02:00:00:00:00:02", "10.0.1.2/24");
	ck_assert_ptr_eq(network_given_find(json_array_get(interfaces, 0), &now), &now.v[0]);
	ck_assert_ptr_null(network_given_find(json_array_get(interfaces, 1), &now));
	now.v[1].index = 3;
	ck_assert_ptr_eq(network_given_find(json_array_get(interfaces, 1), &now), &now.v[1]);
	now.v[1].mac[0] = '1';
	ck_assert_ptr_null(network_given_find(json_array_get(interfaces, 1), &now));
	/* As long as it is in the guest its routes are. */
	expect(given, &now,
	       "{\"interfaces\":[],\"routes\":[],\"removed\":[{\"to\":\"default\",\"dev\":\"eth0\"}]}");
	network_given_remove(given, 1);
	ck_assert_uint_eq(json_array_size(interfaces), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(given, "routes")), 1);
}
END_TEST

/* In state.json; a record without it, or a damaged one, is no reason to fail. */
START_TEST(record)
{
	_cleanup_(network_done) struct network now = {};
	_cleanup_(state_done) struct state s = {}, t = {};
	_json_ json_t *bad = NULL;
	struct err err = {};
	char *dir = unit_mkdtemp();
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s.id = strdup("c");
	s.phase = strdup("running");
	s.boot_id = strdup("0");
	s.bundle = strdup("/b");
	s.rootfs = strdup("/b/r");
	s.created = state_timestamp();
	unit_ok(state_save(fd, &s, &err), &err);
	unit_ok(state_load(fd, &t, &err), &err);
	ck_assert_ptr_null(t.given);
	state_done(&t);
	two(&now);
	unit_ok(network_given_add(&s.given, &now, 0, &err), &err);
	unit_ok(state_save(fd, &s, &err), &err);
	unit_ok(state_load(fd, &t, &err), &err);
	ck_assert(json_equal(s.given, t.given));
	expect(t.given, &now, NULL);
	bad = json_pack("{s:[i, {}], s:[{}, s]}", "interfaces", 1, "routes", "x");
	expect(bad, &now, "{\"interfaces\":[],\"routes\":[],\"removed\":[{},\"x\"]}");
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("network_given", nothing, changes, gone, record)
