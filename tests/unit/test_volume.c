/* SPDX-License-Identifier: Apache-2.0 */
/* mountInfo.json and the directory in which it lies. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "devices/volume.h"

#define PATH "/kubelet/kata-direct-vol-002/directvol002"
#define NAME "L2t1YmVsZXQva2F0YS1kaXJlY3Qtdm9sLTAwMi9kaXJlY3R2b2wwMDI="
#define GOOD "{\"volume-type\":\"directvol\",\"device\":\"/d\",\"fstype\":\"ext4\"}"

static int parse(const char *text, struct volume_info *ret, struct err *err)
{
	return volume_info_parse(text, strlen(text), ret, err);
}

/* Text with ' for ". */
static char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

START_TEST(spellings)
{
	static const char *const texts[] = {
		"{'volume-type':'directvol','device':'/d','fstype':'ext4','metadata':{},'options':['ro','noatime']}",
		"{'volume_type':'directvol','device':'/d','fs_type':'ext4','metadata':{},'options':['ro','noatime']}",
		"{'volume_type':'directvol','device':'/d','fstype':'ext4','metadata':{},'options':['ro','noatime']}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(volume_info_done) struct volume_info v = { 0 };
		_free_ char *text = quoted(texts[i]), *stored = NULL;
		struct err err = { 0 };

		unit_ok(parse(text, &v, &err), &err);
		ck_assert_int_eq(v.type, VOLUME_BLOCK);
		ck_assert_str_eq(v.type_name, "directvol");
		ck_assert_str_eq(v.device, "/d");
		ck_assert_str_eq(v.fstype, "ext4");
		ck_assert(v.readonly);
		ck_assert_str_eq(v.options[1], "noatime");
		stored = js_dump(v.text);
		ck_assert_str_eq(stored, text);
	}
}
END_TEST

/* The order of the guide's input is not that of what it then shows. */
START_TEST(stored_in_order)
{
	_cleanup_(volume_info_done) struct volume_info v = { 0 };
	_free_ char *text = quoted(
		"{'device': '/tmp/stor/rawdisk01.20g', 'volume_type': 'directvol', "
		"'fs_type': 'ext4', 'metadata':'{}', 'options': []}");
	_free_ char *want = quoted("{'volume_type':'directvol','device':'/tmp/stor/rawdisk01.20g',"
				   "'fs_type':'ext4','metadata':{},'options':[]}");
	_free_ char *stored = NULL;
	struct err err = { 0 };

	unit_ok(parse(text, &v, &err), &err);
	stored = js_dump(v.text);
	ck_assert_str_eq(stored, want);
}
END_TEST

START_TEST(metadata)
{
	_cleanup_(volume_info_done) struct volume_info v = { 0 };
	_free_ char *text = quoted(
		"{'volume-type':'spdkvol','device':'spdk:///run/s.sock','fstype':'xfs','options':['ro','rw'],"
		"'metadata':{'fsGroup':'2000','fsGroupChangePolicy':'OnRootMismatch','num_queues':'4',"
		"'queue_size':'256','createFilesystem':'false','encryptionKey':'','other':'x'}}");
	struct err err = { 0 };

	unit_ok(parse(text, &v, &err), &err);
	ck_assert_int_eq(v.type, VOLUME_VHOST_USER);
	ck_assert_str_eq(v.device, "/run/s.sock");
	ck_assert(!v.readonly);
	ck_assert_uint_eq(v.fs_group, 2000);
	ck_assert(v.fs_group_on_mismatch);
	ck_assert_uint_eq(v.queues, 4);
	ck_assert_uint_eq(v.queue_size, 256);
}
END_TEST

START_TEST(malformed)
{
	static const struct {
		const char *text;
		int code;
		const char *part;
	} bad[] = {
		{ "", EINVAL, "" },
		{ "[]", EINVAL, "object" },
		{ "{", EINVAL, "" },
		{ "{}", EINVAL, "volume-type is required" },
		{ "{'volume_type':'nosuch','device':'/d'}", EINVAL, "volume_type \"nosuch\"" },
		{ "{'volume_type':'vhost-user-nvme','device':'/d'}", ENOTSUP,
		  "use a vhost-user-blk target" },
		{ "{'volume-type':7,'device':'/d'}", EINVAL, "volume-type must be a string" },
		{ "{'volume-type':'directvol'}", EINVAL, "device is required" },
		{ "{'volume-type':'directvol','device':''}", EINVAL, "device must not be empty" },
		{ "{'volume-type':'directvol','device':'d'}", EINVAL, "not an absolute path" },
		{ "{'volume-type':'directvol','device':'/d\\n'}", EINVAL, "device has a control" },
		{ "{'volume-type':'spdkvol','device':'spdk://x'}", EINVAL, "not an absolute path" },
		{ "{'volume-type':'directvol','device':'/d','fs_type':'../x'}", EINVAL,
		  "fs_type \"../x\"" },
		{ "{'volume-type':'directvol','volume_type':'directvol','device':'/d'}", EINVAL,
		  "both are given" },
		{ "{'volume-type':'directvol','device':'/d','device':'/e'}", EINVAL, "device" },
		{ "{'volume-type':'directvol','device':'/d','fs-type':'x'}", EINVAL,
		  "fs-type is unknown" },
		{ "{'volume-type':'directvol','device':'/d','options':'ro'}", EINVAL,
		  "options must be an array" },
		{ "{'volume-type':'directvol','device':'/d','options':['a',1]}", EINVAL,
		  "options[1]" },
		{ "{'volume-type':'directvol','device':'/d','options':['']}", EINVAL, "options[0]" },
		{ "{'volume-type':'directvol','device':'/d','metadata':[]}", EINVAL,
		  "metadata must be" },
		{ "{'volume-type':'directvol','device':'/d','metadata':'{'}", EINVAL, "metadata" },
		{ "{'volume-type':'directvol','device':'/d','metadata':'[]'}", EINVAL, "metadata" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'x':{}}}", EINVAL,
		  "metadata.x must be a string" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'fsGroup':'0'}}", EINVAL,
		  "metadata.fsGroup \"0\"" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'fsGroup':'1x'}}", EINVAL,
		  "metadata.fsGroup" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'fsGroup':'4294967295'}}",
		  EINVAL, "metadata.fsGroup" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'fsGroupChangePolicy':'x'}}",
		  EINVAL, "metadata.fsGroupChangePolicy" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'queue_size':'3'}}", EINVAL,
		  "metadata.queue_size" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'num_queues':'0'}}", EINVAL,
		  "metadata.num_queues" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'createFilesystem':'true'}}",
		  ENOTSUP, "createFilesystem" },
		{ "{'volume-type':'directvol','device':'/d','metadata':{'encryptionKey':'k'}}",
		  ENOTSUP, "encryptionKey" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct volume_info v = { .fs_group = 42 };
		_free_ char *text = quoted(bad[i].text);
		struct err err = { 0 };

		unit_fails(parse(text, &v, &err), bad[i].code, &err, bad[i].part);
		ck_assert_uint_eq(v.fs_group, 42);
	}
}
END_TEST

START_TEST(names)
{
	_free_ char *name = NULL;
	char path[VOLUME_PATH_MAX + 2];
	struct err err = { 0 };

	unit_ok(volume_name(PATH, &name, &err), &err);
	ck_assert_str_eq(name, NAME);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[VOLUME_PATH_MAX] = '\0';
	free(name);
	name = NULL;
	unit_ok(volume_name(path, &name, &err), &err);
	ck_assert_uint_le(strlen(name), 255);
	path[VOLUME_PATH_MAX] = 'x';
	path[VOLUME_PATH_MAX + 1] = '\0';
	unit_fails(volume_name(path, &name, &err), ENAMETOOLONG, &err, "more than 189");
	unit_fails(volume_name("relative", &name, &err), EINVAL, &err, "not absolute");
	unit_fails(volume_name("", &name, &err), EINVAL, &err, "not absolute");
	unit_fails(volume_name("/\xff", &name, &err), EINVAL, &err, "UTF-8");
}
END_TEST

/* ---- the directory ---- */

static char *top, *base;

static void setup(void)
{
	top = unit_mkdtemp();
	base = path_join(top, "shared/direct-volumes");
}

static void teardown(void)
{
	free(base);
	unit_rmdir(top);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void write_good(void)
{
	_cleanup_(volume_info_done) struct volume_info v = { 0 };
	struct err err = { 0 };
	_close_ int all = volumes_open(base, true, &err);
	_close_ int dir = -EBADF;

	unit_ok(all, &err);
	unit_ok(parse(GOOD, &v, &err), &err);
	dir = volume_write(all, PATH, &v, &err);
	unit_ok(dir, &err);
}

START_TEST(written_and_read)
{
	_cleanup_(volume_info_done) struct volume_info v = { 0 };
	_free_ char *dir = NULL, *file = NULL;
	_strv_ char **paths = NULL;
	struct err err = { 0 };

	setup();
	ck_assert_int_eq(volume_load(base, PATH, &v, NULL, &err), -ENOENT);
	write_good();
	write_good();
	dir = path_join(base, NAME);
	file = path_join(dir, VOLUME_INFO_FILE);
	ck_assert_uint_eq(mode_of(base), 0700);
	ck_assert_uint_eq(mode_of(dir), 0700);
	ck_assert_uint_eq(mode_of(file), 0600);
	unit_ok(volume_load(base, PATH, &v, NULL, &err), &err);
	ck_assert_str_eq(v.device, "/d");
	ck_assert_int_eq(volume_load(base, PATH "/", &v, NULL, &err), -ENOENT);
	_close_ int all = volumes_open(base, false, &err);
	ck_assert_int_eq(mkdirat(all, "not+base64", 0700), 0);
	unit_ok(volume_paths(all, &paths, &err), &err);
	ck_assert_uint_eq(strv_len(paths), 1);
	ck_assert_str_eq(paths[0], PATH);
	teardown();
}
END_TEST

/* Each spoils one thing about a good volume. */
static void make_link(const char *dir, const char *file)
{
	_free_ char *other = path_join(dir, "other");

	ck_assert_int_eq(rename(file, other), 0);
	ck_assert_int_eq(symlink("other", file), 0);
}

static void make_fifo(const char *dir, const char *file)
{
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
}

static void remove_file(const char *dir, const char *file)
{
	ck_assert_int_eq(unlink(file), 0);
}

static void open_file_to_all(const char *dir, const char *file)
{
	ck_assert_int_eq(chmod(file, 0666), 0);
}

static void give_file_away(const char *dir, const char *file)
{
	ck_assert_int_eq(chown(file, 1000, 0), 0);
}

static void make_large(const char *dir, const char *file)
{
	ck_assert_int_eq(truncate(file, VOLUME_INFO_MAX + 1), 0);
}

static void open_dir_to_group(const char *dir, const char *file)
{
	ck_assert_int_eq(chmod(dir, 0770), 0);
}

static void give_dir_away(const char *dir, const char *file)
{
	ck_assert_int_eq(chown(dir, 1000, 0), 0);
}

static void open_base(const char *dir, const char *file)
{
	ck_assert_int_eq(chmod(base, 01777), 0);
}

static void link_parent(const char *dir, const char *file)
{
	_free_ char *shared = path_join(top, "shared"), *other = path_join(top, "elsewhere");

	ck_assert_int_eq(rename(shared, other), 0);
	ck_assert_int_eq(symlink("elsewhere", shared), 0);
}

static void give_parent_away(const char *dir, const char *file)
{
	_free_ char *shared = path_join(top, "shared");

	ck_assert_int_eq(chown(shared, 1000, 0), 0);
}

START_TEST(not_believed)
{
	static const struct {
		void (*spoil)(const char *dir, const char *file);
		const char *part;
	} cases[] = {
		{ make_link, "mountInfo.json is a symbolic link" },
		{ make_fifo, "mountInfo.json is not a regular file" },
		{ remove_file, "mountInfo.json is missing" },
		{ open_file_to_all, "mountInfo.json: others can write" },
		{ give_file_away, "mountInfo.json: belongs to uid 1000" },
		{ make_large, "larger than" },
		{ open_dir_to_group, "others can write to it (mode 770)" },
		{ give_dir_away, "belongs to uid 1000" },
		{ open_base, "'direct-volumes': others can write" },
		{ link_parent, "'shared': open it" },
		{ give_parent_away, "'shared': belongs to uid 1000" },
	};

	if (geteuid() != 0)
		return; /* nobody else can give files away */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct volume_info v = { 0 };
		struct err err = { 0 };
		int r;

		setup();
		write_good();
		_free_ char *dir = path_join(base, NAME);
		_free_ char *file = path_join(dir, VOLUME_INFO_FILE);
		cases[i].spoil(dir, file);
		r = volume_load(base, PATH, &v, NULL, &err);
		ck_assert_msg(r < 0 && r != -ENOENT, "case %zu: %d", i, r);
		ck_assert_msg(strstr(err.msg, cases[i].part) != NULL, "\"%s\" lacks \"%s\"",
			      err.msg, cases[i].part);
		ck_assert_ptr_null(v.device);
		teardown();
	}
}
END_TEST

UNIT_MAIN("volume", spellings, stored_in_order, metadata, malformed, names, written_and_read,
	  not_believed)
