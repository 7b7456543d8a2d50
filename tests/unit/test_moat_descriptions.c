/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: what a container is to be, what is wrong with that, and texts that need no container. */
#include "libruntime/moat.h"
#include "tests/unit/test_moat.h"

static void refused(struct moat_spec *s, int code, const char *part)
{
	struct moat_error err = {};

	unit_fails(moat_container_create(m, NULL, s, NULL, &err), code, &err, part);
	moat_spec_free(s);
}

START_TEST(bad_descriptions)
{
	struct moat_error err = {};
	struct moat_spec *s;

	begin();
	refused(NULL, ENOMEM, "description");
	refused(spec("../x", "cat", NULL), EINVAL, "invalid container ID format");
	refused(spec(NULL, "cat", NULL), EINVAL, "id");
	refused(moat_spec_new(n("c1")), EINVAL, "root file system");
	s = moat_spec_new(n("c1"));
	moat_spec_set_rootfs(s, rootfs, true);
	refused(s, EINVAL, "args");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_rootfs(s, "/nowhere/at/all", true);
	refused(s, ENOENT, "/nowhere/at/all");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_hostname(s, "\xff");
	refused(s, EINVAL, "hostname");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_add_device(s, "/dev/not-there", NULL, NULL);
	refused(s, ENOENT, "/dev/not-there");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_add_device(s, rootfs, NULL, NULL);
	refused(s, ENODEV, rootfs);
	s = spec(n("c1"), "cat", NULL);
	moat_spec_add_mount(s, "/mnt", "bind", "/nowhere", NULL);
	refused(s, ENOENT, "/nowhere");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_namespace(s, "user2", NULL);
	refused(s, EINVAL, "namespace");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_namespace(s, "pid", MOAT_OF_SANDBOX);
	refused(s, EINVAL, "none is named");
	s = spec(n("c1"), "cat", NULL);
	moat_process_set_terminal(moat_spec_process(s), true);
	ck_assert(moat_process_wants_terminal(moat_spec_process(s)));
	refused(s, EINVAL, "tty");
	refused(moat_spec_from_bundle(n("c1"), "/nowhere"), ENOENT, "chdir /nowhere");
	refused(moat_spec_from_bundle(n("c1"), rootfs), ENOENT, "config.json not found");
	s = spec(n("c1"), "cat", NULL);
	unit_fails(moat_container_create(m, "nobody", s, NULL, &err), ESRCH, &err,
		   "no such container");
	unit_fails(moat_container_create(NULL, NULL, s, NULL, &err), ENOMEM, &err, "handle");
	moat_spec_free(s);
	create(n("c1"), "cat", NULL);
	refused(spec(n("c1"), "cat", NULL), EEXIST, "already exists");
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);
	/* None of them has come to be, and no error has to be asked for. */
	ck_assert_int_eq(moat_container_start(m, n("c1"), NULL), -ENOENT);
	end();
}
END_TEST

START_TEST(description)
{
	_free_ char *json = NULL, *plan = NULL;
	struct moat_error err = {};

	begin();
	struct moat_spec *s = spec(n("c1"), "cat", NULL);
	moat_spec_add_mount(s, "/mnt", "bind", rootfs, "ro,nosuid");
	moat_spec_add_device(s, "/dev/zero", "/dev/nought", "r");
	moat_spec_set_memory_limit(s, 64 << 20);
	moat_spec_set_cpu_limit(s, 50000, 100000);
	moat_spec_set_pids_limit(s, 10);
	moat_spec_set_cgroup(s, "/some/where");
	moat_process_add_env(moat_spec_process(s), "A=b");
	moat_process_set_cwd(moat_spec_process(s), "/mnt");
	moat_process_set_user(moat_spec_process(s), "5:6");
	moat_process_add_group(moat_spec_process(s), "7");
	moat_process_add_capability(moat_spec_process(s), "CAP_CHOWN");
	unit_ok(moat_spec_json(s, &json, &err), &err);
	for (const char *const *part =
		     (const char *const[]){ "\"A=b\"", "\"cwd\": \"/mnt\"", "\"uid\": 5",
					    "\"gid\": 6", "\"CAP_CHOWN\"", "\"limit\": 67108864",
					    "\"quota\": 50000", "\"path\": \"/dev/nought\"",
					    "\"access\": \"r\"", "\"cgroupsPath\": \"/some/where\"",
					    "\"nosuid\"", NULL };
	     *part; part++)
		ck_assert_msg(strstr(json, *part) != NULL, "no %s in %s", *part, json);
	/* What it says is a configuration, and what it would start is no container yet. */
	unit_ok(moat_container_plan(m, s, &plan, &err), &err);
	ck_assert_ptr_nonnull(strstr(plan, "\"hypervisor\": \"fake\""));
	moat_spec_free(s);
	gone(n("c1"));
	end();
}
END_TEST

START_TEST(unknown_hypervisor)
{
	static const char text[] = "[runtime]\nhypervisor = \"bochs\"\n";
	struct err err = {};

	begin();
	unit_ok(io_write_file(AT_FDCWD, config, text, strlen(text), 0644, false, &err), &err);
	refused(spec(n("c1"), "cat", NULL), EINVAL, "bochs");
	moat_set_configuration(m, "/nowhere.toml");
	refused(spec(n("c1"), "cat", NULL), ENOENT, "/nowhere.toml");
	end();
}
END_TEST

START_TEST(texts)
{
	_free_ char *features = NULL, *sample = NULL, *spec_text = NULL, *keys = NULL;
	struct moat_error err = {};
	int master, slave;

	unit_ok(moat_features(&features, &err), &err);
	ck_assert_ptr_nonnull(strstr(features, moat_version()));
	unit_ok(moat_configuration_sample(&sample, &err), &err);
	unit_ok(moat_configuration_keys(&keys, &err), &err);
	ck_assert_ptr_nonnull(strstr(sample, "hypervisor"));
	unit_ok(moat_oci_template(&spec_text, &err), &err);
	ck_assert_ptr_nonnull(strstr(spec_text, moat_oci_version()));
	ck_assert_str_eq(moat_state_name(MOAT_PAUSED), "paused");
	unit_fails(moat_set_program("moat", &err), EINVAL, &err, "not an absolute path");
	struct moat *h = moat_new();
	unit_fails(moat_volume_add(h, NULL, "{}", &err), EINVAL, &err, "path is required");
	unit_fails(moat_volume_add(h, "/v", NULL, &err), EINVAL, &err, "info is required");
	unit_fails(moat_volume_remove(h, NULL, &err), EINVAL, &err, "path is required");
	unit_fails(moat_volume_stats(h, NULL, &keys, &err), EINVAL, &err, "path is required");
	unit_fails(moat_volume_resize(h, NULL, 512, &err), EINVAL, &err, "path is required");
	moat_free(h);
	unit_ok(moat_terminal_new(&master, &slave, &err), &err);
	unit_ok(moat_terminal_resize(master, 24, 80, &err), &err);
	unit_fails(moat_terminal_resize(master, 70000, 80, &err), EINVAL, &err, "70000 rows");
	close(slave);
	close(master);
	moat_free(NULL);
	moat_spec_free(NULL);
	moat_process_free(NULL);
	moat_status_free(NULL);
	moat_sandbox_list_free(NULL);
}
END_TEST

UNIT_MAIN_ROOT("moat_descriptions", bad_descriptions, description, unknown_hypervisor, texts)
