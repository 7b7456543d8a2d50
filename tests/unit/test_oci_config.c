/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "oci/config.h"
#include "oci/validate.h"
#include "tests/unit/test_oci.h"

static const char *const samples[] = { "docker-run.json",    "podman-run.json",
				       "ctr-run.json",       "cri-sandbox.json",
				       "cri-container.json", "spdk-vhost-user.json" };

static struct oci_config *parse(const char *text, size_t len, struct warnings *w)
{
	struct oci_config *c = NULL;
	struct err err = { 0 };

	unit_ok(oci_config_parse(text, len, w ? collect : NULL, w, &c, &err), &err);
	return c;
}

static struct oci_config *parse_data(const char *name, struct warnings *w)
{
	size_t len;
	_free_ char *text = data_text(name, &len);

	return parse(text, len, w);
}

START_TEST(accepts_samples)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		_cleanup_(oci_config_freep) struct oci_config *c = parse_data(samples[i], NULL);

		ck_assert_ptr_nonnull(c->process->args[0]);
		ck_assert_ptr_nonnull(c->root.path);
		ck_assert_ptr_nonnull(oci_namespace_find(c, "pid"));
		ck_assert_ptr_null(oci_namespace_find(c, "user"));
		for (size_t m = 0; m < c->n_mounts; m++)
			ck_assert_ptr_nonnull(c->mounts[m].options);
	}
}
END_TEST

START_TEST(decodes_podman)
{
	_cleanup_(oci_config_freep) struct oci_config *c = parse_data("podman-run.json", NULL);

	ck_assert_ptr_null(c->hooks); /* null in the document */
	ck_assert(c->process->user.has_umask);
	ck_assert_uint_eq(c->process->user.umask, 022);
	ck_assert_str_eq(c->hostname, "6f37ae93cc62");
	ck_assert_uint_eq(c->n_mounts, 11);
	ck_assert(oci_mount_is_bind(&c->mounts[5]));
	ck_assert(!oci_mount_is_bind(&c->mounts[0]));
	ck_assert_str_eq(oci_namespace_find(c, "network")->path,
			 "/run/netns/netns-bc00dea2-42e2-b00a-4862-4e58f06524ea");
	ck_assert_str_eq(js_get_str(c->annotations, "io.container.manager"), "libpod");
}
END_TEST

START_TEST(decodes_spdk)
{
	_cleanup_(oci_config_freep) struct oci_config *c = parse_data("spdk-vhost-user.json", NULL);

	ck_assert_str_eq(c->oci_version, "1.0.0-rc2-dev");
	ck_assert_ptr_null(c->process->capabilities);
	ck_assert_ptr_nonnull(c->process->console_size);
	ck_assert_ptr_nonnull(c->hooks);
	ck_assert_uint_eq(c->hooks->n_prestart, 0);
	ck_assert_uint_eq(c->linux_->n_devices, 1);
	ck_assert_str_eq(c->linux_->devices[0].path, "/dev/vda");
	ck_assert_int_eq(c->linux_->devices[0].major, 241);
	ck_assert(c->linux_->devices[0].has_file_mode);
	ck_assert_uint_eq(c->linux_->devices[0].file_mode, 0644);
}
END_TEST

START_TEST(decodes_everything)
{
	_cleanup_(oci_config_freep) struct oci_config *c = parse_data("full.json", NULL);
	const struct oci_process *p = c->process;

	ck_assert(c->root.readonly && c->has_root && p->terminal && p->no_new_privileges);
	ck_assert_uint_eq(p->console_size->height, 25);
	ck_assert_uint_eq(p->user.uid, 1000);
	ck_assert_uint_eq(p->user.gid, 1001);
	ck_assert_uint_eq(p->user.n_additional_gids, 2);
	ck_assert_uint_eq(p->user.additional_gids[1], 6);
	ck_assert_uint_eq(strv_len(p->args), 3);
	ck_assert_str_eq(p->env[1], "EMPTY=");
	ck_assert_uint_eq(p->n_rlimits, 2);
	ck_assert_uint_eq(p->rlimits[1].hard, 1024);
	ck_assert(p->rlimits[0].hard == UINT64_MAX);
	ck_assert_str_eq(p->capabilities->bounding[1], "CAP_CHOWN");
	ck_assert_str_eq(p->capabilities->ambient[0], "CAP_KILL");
	ck_assert(p->has_oom_score_adj);
	ck_assert_int_eq(p->oom_score_adj, -5);
	ck_assert_int_eq(p->scheduler->nice, -1);
	ck_assert_uint_eq(p->scheduler->period, 3);
	ck_assert_str_eq(p->io_priority->class_, "IOPRIO_CLASS_IDLE");
	ck_assert_str_eq(c->domainname, "domain");
	ck_assert_uint_eq(c->hooks->n_create_container, 1);
	ck_assert_str_eq(c->hooks->poststop[0].path, "/bin/f");
	ck_assert(c->hooks->start_container[0].has_timeout);
	ck_assert_str_eq(js_get_str(c->linux_->sysctl, "kernel.msgmax"), "65536");
	ck_assert_str_eq(c->linux_->devices[1].type, "p");
	ck_assert_str_eq(c->linux_->masked_paths[0], "/proc/kcore");
	ck_assert_str_eq(c->linux_->seccomp->default_action, "SCMP_ACT_ERRNO");
	ck_assert_uint_eq(c->linux_->seccomp->default_errno_ret, 38);
	ck_assert_str_eq(c->linux_->seccomp->flags[0], "SECCOMP_FILTER_FLAG_LOG");
	ck_assert_uint_eq(c->linux_->seccomp->n_syscalls, 2);
	ck_assert_str_eq(c->linux_->seccomp->syscalls[0].names[1], "read");
	ck_assert_uint_eq(c->linux_->seccomp->syscalls[0].args[0].value, 0x7e020000);
	ck_assert_uint_eq(c->linux_->seccomp->syscalls[0].args[0].value_two, 1);
	ck_assert(!c->linux_->seccomp->syscalls[1].has_errno_ret);
}
END_TEST

START_TEST(cleans_destinations)
{
	static const char *const cases[][2] = {
		{ "/proc", "/proc" },         { "proc", "/proc" },
		{ "/a//b/./c/", "/a/b/c" },   { "/a/../../b", "/b" },
		{ "../../../etc", "/etc" },   { ".", "/" },
		{ "/data/../data", "/data" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_json_ json_t *doc = minimal(NULL);
		struct warnings w = { 0 };
		struct err err = { 0 };

		json_object_set_new(doc, "mounts", json_pack("[{s:s}]", "destination", cases[i][0]));
		unit_ok(oci_config_from_json(doc, collect, &w, &c, &err), &err);
		ck_assert_str_eq(c->mounts[0].destination, cases[i][1]);
		ck_assert_ptr_null(c->mounts[0].options[0]);
		ck_assert_int_eq(w.n, cases[i][0][0] != '/');
		if (w.n)
			ck_assert_ptr_nonnull(strstr(w.text, "mounts[0].destination"));
	}
}
END_TEST

START_TEST(empty_is_absent)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	struct err err = { 0 };
	_json_ json_t *doc = minimal(
		"{\"mounts\":null,\"hooks\":null,\"annotations\":null,"
		"\"process\":{\"env\":null,\"rlimits\":null,\"capabilities\":null,"
		"\"scheduler\":null,\"consoleSize\":null},"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"},"
		"{\"type\":\"network\",\"path\":\"/x\"},{\"type\":\"mount\"}],"
		"\"devices\":null,\"resources\":null,\"sysctl\":{},\"rootfsPropagation\":\"\"}}");

	unit_ok(oci_config_from_json(doc, NULL, NULL, &c, &err), &err);
	ck_assert_ptr_null(c->hooks);
	ck_assert_ptr_null(c->process->capabilities);
	ck_assert_ptr_null(oci_namespace_find(c, "pid")->path);
	ck_assert_str_eq(oci_namespace_find(c, "network")->path, "/x");
	ck_assert_uint_eq(json_object_size(c->annotations), 0);
}
END_TEST

#define LABEL "has no effect: it is a label of the host, and the virtual machine is the boundary\n"

START_TEST(warns_of_what_is_not_applied)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		/* zeros under memory, cpu and blockIO mean "unset" */
		{ "docker-run.json", "" },
		{ "podman-run.json", "" },
		{ "ctr-run.json", "" },
		{ "full.json", "process.apparmorProfile " LABEL "process.selinuxLabel " LABEL
			       "linux.resources.memory.swappiness has no effect: "
			       "the guest's cgroups (version 2) have nothing like it\n"
			       "linux.mountLabel " LABEL "linux.intelRdt is not applied yet\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct warnings w = { 0 };
		_cleanup_(oci_config_freep) struct oci_config *c = parse_data(cases[i].name, &w);

		ck_assert_str_eq(w.text, cases[i].text);
	}
}
END_TEST

START_TEST(resources_without_effect)
{
	static const struct {
		const char *resources, *field; /* NULL: no warning */
	} cases[] = {
		{ "{}", NULL },
		{ "{\"devices\":[{\"allow\":false}]}", NULL },
		{ "{\"memory\":{\"limit\":-1},\"cpu\":{\"shares\":5},\"pids\":{\"limit\":5}}", NULL },
		{ "{\"memory\":{\"kernel\":0,\"kernelTCP\":0,\"disableOOMKiller\":false}}", NULL },
		{ "{\"cpu\":{\"realtimeRuntime\":0,\"realtimePeriod\":0}}", NULL },
		{ "{\"memory\":{\"kernel\":1}}", "memory.kernel" },
		{ "{\"memory\":{\"kernelTCP\":-1}}", "memory.kernelTCP" },
		{ "{\"memory\":{\"swappiness\":0}}", "memory.swappiness" },
		{ "{\"memory\":{\"swappiness\":60}}", "memory.swappiness" },
		{ "{\"memory\":{\"disableOOMKiller\":true}}", "memory.disableOOMKiller" },
		{ "{\"cpu\":{\"realtimeRuntime\":5}}", "cpu.realtimeRuntime" },
		{ "{\"cpu\":{\"realtimePeriod\":5}}", "cpu.realtimePeriod" },
		{ "{\"blockIO\":{\"leafWeight\":10}}", "blockIO.leafWeight" },
		{ "{\"network\":{\"classID\":1}}", "network" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_json_ json_t *doc = minimal(NULL);
		struct warnings w = { 0 };
		struct err err = { 0 };
		char want[128] = "";

		json_object_set_new(json_object_get(doc, "linux"), "resources",
				    text_json(cases[i].resources));
		unit_ok(oci_config_from_json(doc, collect, &w, &c, &err), &err);
		if (cases[i].field)
			snprintf(want, sizeof(want),
				 "linux.resources.%s has no effect: ", cases[i].field);
		ck_assert_msg(w.n == (cases[i].field != NULL) && strstr(w.text, want), "%s: %s",
			      cases[i].resources, w.text);
	}
}
END_TEST

START_TEST(warns_of_unknown_capabilities)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	_json_ json_t *doc = minimal(
		"{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FOO\"],"
		"\"ambient\":[\"kill\"]}}}");
	struct warnings w = { 0 };
	struct err err = { 0 };

	unit_ok(oci_config_from_json(doc, collect, &w, &c, &err), &err);
	ck_assert_str_eq(w.text,
			 "process.capabilities.bounding: unknown capability \"CAP_FOO\" is ignored\n"
			 "process.capabilities.ambient: unknown capability \"kill\" is ignored\n");
}
END_TEST

START_TEST(process_alone)
{
	_cleanup_(oci_process_freep) struct oci_process *p = NULL;
	_json_ json_t *doc = data_json("full.json");
	_json_ json_t *bad = text_json("{\"args\":[\"a\"],\"cwd\":\"/\",\"env\":[\"A\"]}");
	_json_ json_t *no_args = text_json("{\"cwd\":\"/\"}");
	struct warnings w = { 0 };
	struct err err = { 0 };

	unit_ok(oci_process_from_json(json_object_get(doc, "process"), collect, &w, &p, &err), &err);
	ck_assert_str_eq(p->cwd, "/tmp");
	ck_assert_int_eq(w.n, 2);
	ck_assert_ptr_nonnull(strstr(w.text, "process.selinuxLabel " LABEL));
	oci_process_freep(&p);
	unit_fails(oci_process_from_json(bad, NULL, NULL, &p, &err), EINVAL, &err, "process.env[0]");
	unit_fails(oci_process_from_json(no_args, NULL, NULL, &p, &err), EINVAL, &err,
		   "process.args is required");
	unit_fails(oci_process_from_json(NULL, NULL, NULL, &p, &err), EINVAL, &err,
		   "process must be an object");
	ck_assert_ptr_null(p);
	oci_process_free(NULL);
	oci_config_free(NULL);
}
END_TEST

START_TEST(tree_goes_round)
{
	_cleanup_(oci_config_freep) struct oci_config *c = parse_data("full.json", NULL),
						      *again = NULL;
	_free_ char *text = js_dump(c->tree);

	ck_assert_ptr_nonnull(strstr(text, "\"hard\":18446744073709551615"));
	again = parse(text, strlen(text), NULL);
	ck_assert(again->process->rlimits[0].hard == UINT64_MAX);
	ck_assert(json_equal(c->tree, again->tree));
}
END_TEST

UNIT_MAIN("oci_config", accepts_samples, decodes_podman, decodes_spdk, decodes_everything,
	  cleans_destinations, empty_is_absent, warns_of_what_is_not_applied,
	  resources_without_effect, warns_of_unknown_capabilities, process_alone, tree_goes_round)
