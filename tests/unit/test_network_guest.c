/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/network_guest.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/unit.h"

/* What a guest says, and what is taken of it. */
static void check(const char *said, const char *want)
{
	_json_ json_t *v = NULL, *clean = NULL;
	_free_ char *text = NULL;
	struct err err = {};

	unit_ok(js_parse(said, strlen(said), NULL, &v, &err), &err);
	clean = network_guest_clean(v);
	text = js_dump(clean);
	ck_assert_str_eq(text, want);
}

START_TEST(honest)
{
	check("{\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"52:54:00:00:00:01\",\"mtu\":1500,\"up\":true,"
	      "\"addresses\":[\"10.0.0.2/24\",\"fd00::2/64\"]}],"
	      "\"routes\":[{\"to\":\"default\",\"via\":\"10.0.0.1\",\"dev\":\"eth0\",\"metric\":7,\"family\":4}]}",
	      "{\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"52:54:00:00:00:01\",\"mtu\":1500,\"up\":true,"
	      "\"addresses\":[\"10.0.0.2/24\",\"fd00::2/64\"]}],"
	      "\"routes\":[{\"family\":4,\"to\":\"default\",\"via\":\"10.0.0.1\",\"dev\":\"eth0\",\"metric\":7}]}");
}
END_TEST

START_TEST(hostile)
{
	static const char nothing[] = "{\"interfaces\":[],\"routes\":[]}";

	check("{}", nothing);
	check("[]", nothing);
	check("{\"interfaces\":{\"name\":\"eth0\"},\"routes\":7}", nothing);
	check("{\"interfaces\":[1,\"eth0\",{\"name\":\"\"},{\"name\":\"a b\"},{\"name\":\"a\\u001b[2J\"},{\"name\":\"\\u00e9\"}],"
	      "\"routes\":[{\"via\":\"10.0.0.1\"},{\"to\":\"a\\nb\"}]}",
	      nothing);
	check("{\"interfaces\":[{\"name\":\"eth0\",\"mac\":7,\"mtu\":-1,\"up\":\"yes\",\"more\":1,\"addresses\":[\"ok\",\"\\u0007\",1,[]]}]}",
	      "{\"interfaces\":[{\"name\":\"eth0\",\"up\":false,\"addresses\":[\"ok\"]}],\"routes\":[]}");
	check("{\"routes\":[{\"to\":\"default\",\"metric\":4294967296,\"family\":9,\"dev\":\""
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}",
	      "{\"interfaces\":[],\"routes\":[{\"family\":4,\"to\":\"default\"}]}");
}
END_TEST

START_TEST(many)
{
	_json_ json_t *said = json_pack("{s:[]}", "interfaces"), *clean = NULL;

	for (int i = 0; i < 3000; i++)
		json_array_append_new(json_object_get(said, "interfaces"),
				      json_pack("{s:s}", "name", "eth0"));
	clean = network_guest_clean(said);
	ck_assert_uint_eq(json_array_size(json_object_get(clean, "interfaces")), 1024);
}
END_TEST

UNIT_MAIN("network_guest", honest, hostile, many)
