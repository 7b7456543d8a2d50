/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/network_given.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

static json_t *interfaces_of(const json_t *given)
{
	return json_object_get(given, "interfaces");
}

static json_t *routes_of(const json_t *given)
{
	return json_object_get(given, "routes");
}

int network_given_add(json_t **given, const struct network *n, size_t first, struct err *err)
{
	if (!*given)
		*given = json_pack("{s:[], s:[]}", "interfaces", "routes");
	for (size_t i = 0; i < n->n; i++) {
		const struct network_interface *v = &n->v[i];
		json_t *o = json_pack("{s:s, s:i, s:s, s:I, s:O, s:O}", "name", v->name, "index",
				      v->index, "mac", v->mac, "mtu", (json_int_t)v->mtu,
				      "addresses", v->addresses, "neighbours", v->neighbours);

		if (o && *v->plugged.device)
			json_object_set_new(o, "device", json_string(v->plugged.device));
		else if (o && !v->socket)
			json_object_set_new(o, "device",
					    json_integer((json_int_t)first + (json_int_t)i));
		if (json_array_append_new(interfaces_of(*given), o) < 0)
			return err_errno(err, ENOMEM, "network");
	}
	return json_array_extend(routes_of(*given), n->routes) < 0 ?
		       err_errno(err, ENOMEM, "network") :
		       0;
}

static bool is_it(const json_t *o, const struct network_interface *v)
{
	const char *name = js_get_str(o, "name"), *mac = js_get_str(o, "mac");

	if (!name || strcmp(name, v->name) != 0)
		return false;
	return !json_object_get(o, "device") ||
	       (js_get_int(o, "index", -1) == v->index && mac && strcmp(mac, v->mac) == 0);
}

const struct network_interface *network_given_find(const json_t *interface,
						   const struct network *now)
{
	for (size_t i = 0; i < now->n; i++)
		if (is_it(interface, &now->v[i]))
			return &now->v[i];
	return NULL;
}

static bool is_route_of(const json_t *route, const char *name)
{
	const char *dev = js_get_str(route, "dev");

	return dev && name && strcmp(dev, name) == 0;
}

static void drop_routes(json_t *routes, const char *name)
{
	for (size_t i = json_array_size(routes); i-- > 0;)
		if (is_route_of(json_array_get(routes, i), name))
			json_array_remove(routes, i);
}

void network_given_remove(json_t *given, size_t i)
{
	drop_routes(routes_of(given), js_get_str(json_array_get(interfaces_of(given), i), "name"));
	json_array_remove(interfaces_of(given), i);
}

static bool contains(const json_t *list, const json_t *value)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_equal(v, value))
			return true;
	return false;
}

/* What of a list is not in another one. */
static json_t *without(const json_t *list, const json_t *other)
{
	json_t *ret = json_array(), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!contains(other, v))
			json_array_append(ret, v);
	return ret;
}

static bool same_set(const json_t *a, const json_t *b)
{
	const json_t *v;
	size_t i;

	if (json_array_size(a) != json_array_size(b))
		return false;
	json_array_foreach(a, i, v)
		if (!contains(b, v))
			return false;
	return true;
}

/*
 * Everything that the interface has, not only what is new: the guest's kernel may take an address with another one, or a route with its
 * address. NULL: nothing has changed.
 */
static json_t *diff_interface(const json_t *o, const struct network_interface *v)
{
	const json_t *addresses = json_object_get(o, "addresses");
	const json_t *neighbours = json_object_get(o, "neighbours");
	json_t *ret;

	if (js_get_int(o, "mtu", 0) == v->mtu && same_set(addresses, v->addresses) &&
	    same_set(neighbours, v->neighbours))
		return NULL;
	ret = json_pack("{s:s, s:O, s:O, s:{s:o, s:o}}", "name", v->name, "addresses", v->addresses,
			"neighbours", v->neighbours, "removed", "addresses",
			without(addresses, v->addresses), "neighbours",
			without(neighbours, v->neighbours));
	if (ret && js_get_int(o, "mtu", 0) != v->mtu)
		json_object_set_new(ret, "mtu", json_integer(v->mtu));
	return ret;
}

static json_t *interface_of(const json_t *list, const json_t *route)
{
	const char *dev = js_get_str(route, "dev");

	return dev ? js_find(list, "name", dev) : NULL;
}

/* Routes of the record's interfaces, as they are now; of one that is gone but still in the VM, as they were. */
static json_t *present_routes(const json_t *given, const struct network *now)
{
	json_t *ret = json_array(), *v;
	const json_t *o;
	size_t i;

	json_array_foreach(now->routes, i, v) {
		o = interface_of(interfaces_of(given), v);
		if (o && network_given_find(o, now))
			json_array_append(ret, v);
	}
	json_array_foreach(routes_of(given), i, v) {
		o = interface_of(interfaces_of(given), v);
		if (o && !network_given_find(o, now))
			json_array_append(ret, v);
	}
	return ret;
}

/* Those that are new, and all of an interface that has changed. */
static json_t *routes_to_tell(const json_t *given, const json_t *present, const json_t *changed)
{
	json_t *ret = json_array(), *v;
	size_t i;

	json_array_foreach(present, i, v)
		if (!contains(routes_of(given), v) || interface_of(changed, v))
			json_array_append(ret, v);
	return ret;
}

int network_given_diff(const json_t *given, const struct network *now, json_t **ret, struct err *err)
{
	_json_ json_t *changed = json_array(), *present = present_routes(given, now);
	_json_ json_t *gone = without(routes_of(given), present), *told = NULL;
	json_t *o;
	size_t i;

	json_array_foreach(interfaces_of(given), i, o) {
		const struct network_interface *v = network_given_find(o, now);
		json_t *diff = v ? diff_interface(o, v) : NULL;

		if (diff)
			json_array_append_new(changed, diff);
	}
	told = routes_to_tell(given, present, changed);
	if (!changed || !present || !gone || !told)
		return err_errno(err, ENOMEM, "network");
	if (json_array_size(changed) + json_array_size(gone) + json_array_size(told) == 0)
		return 0;
	o = json_pack("{s:O, s:O, s:O}", "interfaces", changed, "routes", told, "removed", gone);
	if (!o)
		return err_errno(err, ENOMEM, "network");
	*ret = o;
	return 0;
}

int network_given_update(json_t *given, const struct network *now, struct err *err)
{
	json_t *o;
	size_t i;

	json_array_foreach(interfaces_of(given), i, o) {
		const struct network_interface *v = network_given_find(o, now);

		if (v && (json_object_set_new(o, "mtu", json_integer(v->mtu)) < 0 ||
			  json_object_set(o, "addresses", v->addresses) < 0 ||
			  json_object_set(o, "neighbours", v->neighbours) < 0))
			return err_errno(err, ENOMEM, "network");
	}
	return json_object_set_new(given, "routes", present_routes(given, now)) < 0 ?
		       err_errno(err, ENOMEM, "network") :
		       0;
}
