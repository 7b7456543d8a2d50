/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/state.h"
#include "libruntime/status.h"
#include "tests/unit/unit.h"

static char *dir;
static int dir_fd;

static void open_dir(void)
{
	dir = unit_mkdtemp();
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
}

static void close_dir(void)
{
	close(dir_fd);
	unit_rmdir(dir);
}

static struct state make(void)
{
	struct state s = { .monitor = { 1234, UINT64_MAX }, .standin = { 1235, 7 } };

	s.id = strdup("c1");
	s.phase = strdup("created");
	s.boot_id = strdup("0");
	s.bundle = strdup("/b");
	s.rootfs = strdup("/b/rootfs");
	s.created = state_timestamp();
	strv_add(&s.cgroups, "/sys/fs/cgroup/x");
	s.unit = strdup("moat-c1.scope");
	strv_add(&s.volumes, "/run/volumes/a");
	strv_add(&s.volumes, "/run/volumes/b");
	s.annotations = json_pack("{s:s}", "k", "v");
	s.devices = calloc(1, sizeof(*s.devices));
	s.n_devices = 1;
	s.devices[0] = (struct state_device){ .path = strdup("/dev/a"),
					      .source = strdup("/dev/loop0"),
					      .kind = strdup("block"),
					      .mode = 0640,
					      .gid = UINT32_MAX - 1,
					      .ready = true };
	s.added = calloc(1, sizeof(*s.added));
	s.n_added = 1;
	s.added[0] = (struct state_volume){ .destination = strdup("/data"),
					    .source = strdup("/volume"),
					    .dir = strdup("/run/volumes/c"),
					    .fstype = strdup("ext4"),
					    .kind = strdup("file"),
					    .readonly = true,
					    .index = 7 };
	strv_add(&s.added[0].options, "ro");
	return s;
}

START_TEST(round_trip)
{
	struct state s = make(), t;
	struct err err = {};

	open_dir();
	unit_ok(state_save_cgroups(dir_fd, &s, &err), &err);
	unit_ok(state_save(dir_fd, &s, &err), &err);
	unit_ok(state_load(dir_fd, &t, &err), &err);
	ck_assert_str_eq(t.id, "c1");
	ck_assert_uint_eq(t.monitor.start, UINT64_MAX);
	ck_assert_int_eq(t.standin.pid, 1235);
	ck_assert_str_eq(t.cgroups[0], "/sys/fs/cgroup/x");
	ck_assert_ptr_null(t.cgroups[1]);
	ck_assert_str_eq(t.unit, "moat-c1.scope");
	ck_assert_str_eq(t.volumes[1], "/run/volumes/b");
	ck_assert_ptr_null(t.volumes[2]);
	ck_assert_uint_eq(t.n_devices, 1);
	ck_assert_str_eq(t.devices[0].path, "/dev/a");
	ck_assert_str_eq(t.devices[0].source, "/dev/loop0");
	ck_assert_str_eq(t.devices[0].kind, "block");
	ck_assert_uint_eq(t.devices[0].mode, 0640);
	ck_assert_uint_eq(t.devices[0].gid, UINT32_MAX - 1);
	ck_assert(t.devices[0].ready && !t.devices[0].readonly);
	ck_assert_uint_eq(t.n_added, 1);
	ck_assert_str_eq(t.added[0].destination, "/data");
	ck_assert_str_eq(t.added[0].source, "/volume");
	ck_assert_str_eq(t.added[0].dir, "/run/volumes/c");
	ck_assert_str_eq(t.added[0].options[0], "ro");
	ck_assert_ptr_null(t.added[0].options[1]);
	ck_assert_str_eq(t.added[0].fstype, "ext4");
	ck_assert_str_eq(t.added[0].kind, "file");
	ck_assert_uint_eq(t.added[0].index, 7);
	ck_assert(!t.added[0].ready && t.added[0].readonly);
	ck_assert_str_eq(js_get_str(t.annotations, "k"), "v");
	state_done(&t);
	state_done(&s);
	close_dir();
}
END_TEST

START_TEST(timestamps)
{
	_free_ char *t = state_timestamp();

	ck_assert_uint_eq(strlen(t), strlen("2026-11-20T12:39:49.481893352Z"));
	ck_assert_int_eq(t[10], 'T');
	ck_assert_int_eq(t[29], 'Z');
}
END_TEST

START_TEST(damage)
{
	struct state s = make(), t;
	struct err err = {};
	_free_ char *text = NULL;
	size_t len, i;

	open_dir();
	unit_ok(state_save(dir_fd, &s, &err), &err);
	unit_ok(io_read_file(dir_fd, STATE_FILE, 1 << 20, &text, &len, &err), &err);
	for (i = 0; i < len; i++) {
		unit_ok(io_write_file(dir_fd, STATE_FILE, text, i, 0600, false, &err), &err);
		ck_assert_msg(state_load(dir_fd, &t, &err) < 0, "prefix of %zu bytes accepted", i);
		ck_assert_ptr_nonnull(strstr(err.msg, STATE_FILE));
	}
	unlinkat(dir_fd, STATE_FILE, 0);
	ck_assert_int_eq(state_load(dir_fd, &t, &err), -ENOENT);
	ck_assert_int_eq(mkfifoat(dir_fd, STATE_FILE, 0600), 0);
	ck_assert_int_lt(state_load(dir_fd, &t, &err), 0);
	state_done(&s);
	close_dir();
}
END_TEST

START_TEST(other_version)
{
	static const char text[] =
		"{\"version\":99,\"id\":\"a\",\"phase\":\"created\",\"boot_id\":\"\",\"bundle\":\"\",\"rootfs\":\"\","
		"\"created\":\"\"}";
	struct state t;
	struct err err = {};

	open_dir();
	unit_ok(io_write_file(dir_fd, STATE_FILE, text, strlen(text), 0600, false, &err), &err);
	unit_fails(state_load(dir_fd, &t, &err), EINVAL, &err, "version 99");
	close_dir();
}
END_TEST

/* Pids are never believed without start time and boot id. */
START_TEST(processes)
{
	struct state s = make();
	struct state_process self = { .pid = getpid() };
	char boot[37];
	int fd;

	ck_assert_int_eq(proc_boot_id(boot), 0);
	ck_assert_int_eq(proc_start_time(getpid(), &self.start), 0);
	ck_assert_int_eq(status_open_process(&s, &self), -ESRCH); /* another boot */
	free(s.boot_id);
	s.boot_id = strdup(boot);
	fd = status_open_process(&s, &self);
	ck_assert_int_ge(fd, 0);
	close(fd);
	self.start++;
	ck_assert_int_eq(status_open_process(&s, &self), -ESRCH);
	open_dir();
	ck_assert_int_eq(status_compute(dir_fd, &s), STATUS_STOPPED);
	close_dir();
	state_done(&s);
}
END_TEST

UNIT_MAIN("state", round_trip, timestamps, damage, other_version, processes)
