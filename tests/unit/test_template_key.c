/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "libruntime/template_key.h"
#include "tests/unit/unit.h"

static char *dir;
static char *files[4]; /* of the sample: hypervisor, kernel, initrd, firmware */

#define STR(s) ((char *)(s)) /* nothing here is written to */

static char *make_file(const char *name, const char *text)
{
	char *path = path_join(dir, name);
	struct err err = {};

	unit_ok(io_write_file(AT_FDCWD, path, text, strlen(text), 0600, false, &err), &err);
	return path;
}

static struct vm_setup set_up(void)
{
	static const char *const names[] = { "qemu", "kernel", "initrd", "firmware" };

	dir = unit_mkdtemp();
	for (size_t i = 0; i < 4; i++)
		files[i] = make_file(names[i], names[i]);
	return (struct vm_setup){
		.id = STR("c1"),
		.hypervisor = STR("qemu"),
		.path = files[0],
		.machine = STR("q35"),
		.accel = STR("tcg"),
		.kernel = files[1],
		.initrd = files[2],
		.firmware = files[3],
		.memory = 256,
		.vcpus = 2,
		.ports = 8,
	};
}

static void tear_down(void)
{
	for (size_t i = 0; i < 4; i++)
		free(files[i]);
	unit_rmdir(dir);
}

static void key_of(const struct vm_setup *s, char ret[TEMPLATE_KEY_SIZE])
{
	struct err err = {};

	unit_ok(template_key(s, ret, &err), &err);
	ck_assert_uint_eq(strspn(ret, "0123456789abcdef"), TEMPLATE_KEY_SIZE - 1);
}

static void differs(const struct vm_setup *s, const char *first, const char *what)
{
	char other[TEMPLATE_KEY_SIZE];

	key_of(s, other);
	ck_assert_msg(strcmp(first, other) != 0, "another %s is the same key", what);
}

START_TEST(each_value_counts)
{
	static const struct {
		const char *name;
		size_t offset;
	} strings[] = {
		{ "hypervisor", offsetof(struct vm_setup, hypervisor) },
		{ "machine", offsetof(struct vm_setup, machine) },
		{ "accel", offsetof(struct vm_setup, accel) },
		{ "cpu", offsetof(struct vm_setup, cpu) },
		{ "kernel_params", offsetof(struct vm_setup, kernel_params) },
	}, numbers[] = {
		{ "memory", offsetof(struct vm_setup, memory) },
		{ "vcpus", offsetof(struct vm_setup, vcpus) },
		{ "most memory", offsetof(struct vm_setup, max_memory) },
		{ "most vcpus", offsetof(struct vm_setup, max_vcpus) },
		{ "ports", offsetof(struct vm_setup, ports) },
	};
	struct vm_setup s = set_up();
	char first[TEMPLATE_KEY_SIZE], other[TEMPLATE_KEY_SIZE];

	key_of(&s, first);
	key_of(&s, other);
	ck_assert_str_eq(first, other);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct vm_setup changed = s;

		*(char **)((char *)&changed + strings[i].offset) = STR("other");
		differs(&changed, first, strings[i].name);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct vm_setup changed = s;

		(*(uint32_t *)((char *)&changed + numbers[i].offset))++;
		differs(&changed, first, numbers[i].name);
	}
	s.iommu = true;
	differs(&s, first, "IOMMU");
	tear_down();
}
END_TEST

/* What a sandbox has for itself: with it no template would ever be used twice. */
START_TEST(what_does_not_count)
{
	struct vm_setup s = set_up();
	char first[TEMPLATE_KEY_SIZE], other[TEMPLATE_KEY_SIZE];

	key_of(&s, first);
	s.id = STR("c2");
	s.hostname = STR("other");
	s.virtiofsd = STR("/other");
	s.virtiofs_cache = STR("never");
	s.monitor_log_limit = s.console_log_limit = s.boot_timeout = 5;
	s.uid = 0x70000002;
	s.template = STR("save");
	s.template_sum = STR("00");
	key_of(&s, other);
	ck_assert_str_eq(first, other);
	tear_down();
}
END_TEST

START_TEST(each_file_counts)
{
	struct vm_setup s = set_up();
	char **members[] = { &s.path, &s.kernel, &s.initrd, &s.firmware };
	_free_ char *other = make_file("other", "other");
	char first[TEMPLATE_KEY_SIZE];

	for (size_t i = 0; i < 4; i++) {
		char *path = *members[i];
		_free_ char *text = NULL, *copy = NULL;
		struct err err = {};

		key_of(&s, first);
		*members[i] = other;
		differs(&s, first, files[i]);
		*members[i] = path;
		/* The same contents, but who knows: touched, */
		ck_assert_int_eq(utimensat(AT_FDCWD, path, NULL, 0), 0);
		differs(&s, first, "time of a file");
		/* with the old time again, */
		key_of(&s, first);
		ck_assert_int_eq(utimensat(AT_FDCWD, path,
					   (const struct timespec[]){ { 1, 1 }, { 1, 1 } }, 0),
				 0);
		differs(&s, first, "time of a file");
		/* replaced, */
		key_of(&s, first);
		unit_ok(io_read_file(AT_FDCWD, path, 100, &text, NULL, &err), &err);
		copy = make_file("copy", text);
		ck_assert_int_eq(rename(copy, path), 0);
		differs(&s, first, "file of the same contents");
		/* longer. */
		key_of(&s, first);
		ck_assert_int_eq(truncate(path, 1000), 0);
		differs(&s, first, "size of a file");
	}
	/* None is not an empty one. */
	key_of(&s, first);
	s.firmware = NULL;
	differs(&s, first, "firmware");
	tear_down();
}
END_TEST

START_TEST(missing_files_are_named)
{
	struct vm_setup s = set_up();
	char **members[] = { &s.path, &s.kernel, &s.initrd, &s.firmware };
	static const char *const names[] = { "path", "kernel", "initrd", "firmware" };
	char key[TEMPLATE_KEY_SIZE] = "untouched";

	for (size_t i = 0; i < 4; i++) {
		char *path = *members[i], want[64];
		struct err err = {};

		snprintf(want, sizeof(want), "%s '/nowhere'", names[i]);
		*members[i] = STR("/nowhere");
		unit_fails(template_key(&s, key, &err), ENOENT, &err, want);
		ck_assert_str_eq(key, "untouched");
		*members[i] = path;
	}
	char id[TEMPLATE_FILE_ID_SIZE] = "untouched";
	ck_assert_int_eq(template_file_id("/nowhere", id), -ENOENT);
	ck_assert_str_eq(id, "untouched");
	tear_down();
}
END_TEST

/* What the processor says about itself must not depend on which of them is asked. */
START_TEST(the_same_on_each_processor)
{
	struct vm_setup s = set_up();
	char first[TEMPLATE_KEY_SIZE], other[TEMPLATE_KEY_SIZE];
	cpu_set_t all, one;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	key_of(&s, first);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
		key_of(&s, other);
		ck_assert_msg(strcmp(first, other) == 0, "processor %d has another key", i);
	}
	tear_down();
}
END_TEST

UNIT_MAIN("template_key", each_value_counts, what_does_not_count, each_file_counts,
	  missing_files_are_named, the_same_on_each_processor)
