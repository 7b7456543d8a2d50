/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"
#include "oci/state.h"
#include "tests/unit/test_oci.h"

START_TEST(members_in_the_order_of_runc)
{
	_json_ json_t *annotations = json_pack("{s:s}", "k", "v");
	struct oci_state s = {
		.id = "c1",
		.status = "running",
		.pid = 42,
		.bundle = "/b",
		.rootfs = "/b/rootfs",
		.created = "2026-11-20T12:39:49.481893352Z",
		.owner = "",
		.annotations = annotations,
	};
	_json_ json_t *v = oci_state_json(&s);
	_free_ char *text = js_dump(v);

	ck_assert_str_eq(text, "{\"ociVersion\":\"" OCI_VERSION
			       "\",\"id\":\"c1\",\"pid\":42,\"status\":\"running\","
			       "\"bundle\":\"/b\",\"rootfs\":\"/b/rootfs\","
			       "\"created\":\"2026-11-20T12:39:49.481893352Z\",\"owner\":\"\","
			       "\"annotations\":{\"k\":\"v\"}}");
}
END_TEST

START_TEST(stopped_has_pid_0)
{
	_json_ json_t *empty = json_object();
	struct oci_state s = { .id = "c",
			       .status = "stopped",
			       .bundle = "/b",
			       .rootfs = "/r",
			       .annotations = empty };
	_json_ json_t *v = oci_state_json(&s);
	_free_ char *text = js_dump(v);

	ck_assert_str_eq(text, "{\"ociVersion\":\"" OCI_VERSION
			       "\",\"id\":\"c\",\"pid\":0,\"status\":\"stopped\","
			       "\"bundle\":\"/b\",\"rootfs\":\"/r\"}");
}
END_TEST

/* As the golden hook of x12 and x13 got it. */
START_TEST(for_hooks)
{
	struct oci_state s = { .id = "x12", .status = "creating", .pid = 2626, .bundle = "/b" };
	_json_ json_t *creating = oci_state_json(&s), *stopped = NULL;
	_free_ char *text = js_dump(creating), *text2 = NULL;

	ck_assert_str_eq(text, "{\"ociVersion\":\"" OCI_VERSION
			       "\",\"id\":\"x12\",\"status\":\"creating\",\"pid\":2626,"
			       "\"bundle\":\"/b\"}");
	s.pid = 0;
	s.status = "stopped";
	stopped = oci_state_json(&s);
	text2 = js_dump(stopped);
	ck_assert_str_eq(text2, "{\"ociVersion\":\"" OCI_VERSION
				"\",\"id\":\"x12\",\"status\":\"stopped\",\"bundle\":\"/b\"}");
}
END_TEST

START_TEST(template_runs_as_it_is)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	_json_ json_t *spec = oci_spec_template();
	struct warnings w = { 0 };
	struct err err = { 0 };

	ck_assert_ptr_nonnull(spec);
	unit_ok(oci_config_from_json(spec, collect, &w, &c, &err), &err);
	ck_assert_msg(w.n == 0, "%s", w.text);
	ck_assert_str_eq(c->oci_version, OCI_VERSION);
	ck_assert_str_eq(c->hostname, "moat");
	ck_assert(c->process->terminal && c->root.readonly);
	ck_assert_uint_eq(c->n_mounts, 7);
	ck_assert_ptr_nonnull(oci_namespace_find(c, "cgroup"));
}
END_TEST

/* What tests/data/runc-spec.json, the output of `runc spec`, says otherwise: only what is meant. */
START_TEST(template_is_that_of_runc)
{
	_json_ json_t *ours = oci_spec_template(), *theirs = data_json("runc-spec.json");
	json_t *ns = json_object_get(json_object_get(ours, "linux"), "namespaces");
	_free_ char *text = NULL, *want = NULL;

	json_object_set_new(ours, "ociVersion", json_string("1.0.2-dev"));
	json_object_set_new(ours, "hostname", json_string("runc"));
	ck_assert_uint_eq(json_array_size(ns), 6);
	json_array_remove(ns, 5);
	text = js_dump(ours);
	want = js_dump(theirs);
	ck_assert_str_eq(text, want); /* also the order */
}
END_TEST

UNIT_MAIN("oci_state", members_in_the_order_of_runc, stopped_has_pid_0, for_hooks,
	  template_runs_as_it_is, template_is_that_of_runc)
