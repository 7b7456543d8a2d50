/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces and routes as a guest says that it has them: only what looks like that is taken, the rest is left out. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "libruntime/network_guest.h"

#define LIST_MAX 1024
#define TEXT_MAX 64 /* an IPv6 address with its prefix has 43 */

/* Names of interfaces have no control characters and no blanks, addresses even fewer. */
static bool is_word(const char *s)
{
	if (!s || !*s || strlen(s) > TEXT_MAX)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static void take_text(json_t *to, const json_t *from, const char *key)
{
	const char *s = js_get_str(from, key);

	if (is_word(s))
		json_object_set_new(to, key, json_string(s));
}

static void take_number(json_t *to, const json_t *from, const char *key)
{
	int64_t v = js_get_int(from, key, -1);

	if (v >= 0 && v <= UINT32_MAX)
		json_object_set_new(to, key, json_integer(v));
}

static json_t *addresses_of(const json_t *from)
{
	json_t *list = json_array(), *v;
	size_t i;

	json_array_foreach(json_object_get(from, "addresses"), i, v)
		if (i < LIST_MAX && is_word(json_string_value(v)))
			json_array_append(list, v);
	return list;
}

static json_t *interface_of(const json_t *from)
{
	json_t *o = json_object();

	take_text(o, from, "name");
	take_text(o, from, "mac");
	take_number(o, from, "mtu");
	json_object_set_new(o, "up", json_boolean(js_get_bool(from, "up", false)));
	json_object_set_new(o, "addresses", addresses_of(from));
	return o;
}

static json_t *route_of(const json_t *from)
{
	static const char *const texts[] = { "to", "via", "dev", "source" };
	json_t *o = json_pack("{s:i}", "family", js_get_int(from, "family", 4) == 6 ? 6 : 4);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		take_text(o, from, texts[i]);
	take_number(o, from, "metric");
	return o;
}

static json_t *list_of(const json_t *from, const char *needed, json_t *(*one)(const json_t *from))
{
	json_t *list = json_array(), *v;
	size_t i;

	json_array_foreach((json_t *)from, i, v)
		if (i < LIST_MAX && is_word(js_get_str(v, needed)))
			json_array_append_new(list, one(v));
	return list;
}

json_t *network_guest_clean(const json_t *said)
{
	return json_pack("{s:o, s:o}", "interfaces",
			 list_of(json_object_get(said, "interfaces"), "name", interface_of),
			 "routes", list_of(json_object_get(said, "routes"), "to", route_of));
}

int rt_guest_network(const struct rt *rt, const char *id, json_t **ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_json_ json_t *said = NULL;
	json_t *v;
	int r;

	r = container_open(rt, id, false, &c, err);
	if (r < 0)
		return r;
	if (c.status == STATUS_STOPPED || c.status == STATUS_CREATING)
		return err_set(err, ESRCH, "container with id %s is not running", id);
	r = container_request(&c, "guest.network", NULL, MONITOR_REQUEST_MS, &said, err);
	if (r < 0)
		return r;
	v = network_guest_clean(said);
	if (!v)
		return err_errno(err, ENOMEM, "network");
	*ret = v;
	return 0;
}
