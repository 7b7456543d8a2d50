/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "libruntime/template_store.h"
#include "tests/unit/unit.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define NEW KEY TEMPLATE_NEW
#define STORE "@templates"

static char *dir;
static int root, store;

static void set_up(void)
{
	struct err err = {};

	dir = unit_mkdtemp();
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	store = template_store_open(root, true, &err);
	unit_ok(store, &err);
}

static void tear_down(void)
{
	close(store);
	close(root);
	unit_rmdir(dir);
}

static void write_at(int dirfd, const char *name, const char *text)
{
	struct err err = {};

	unit_ok(io_write_file(dirfd, name, text, strlen(text), 0600, false, &err), &err);
}

static mode_t mode_of(int dirfd, const char *name)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

/* Whatever can be opened, in a directory that is claimed: 1 MiB of memory, 7 bytes of devices */
static void fill(int claimed)
{
	_free_ char *id_of = path_join(dir, "file");
	char id[TEMPLATE_FILE_ID_SIZE];
	struct err err = {};

	write_at(AT_FDCWD, id_of, "x");
	ck_assert_int_eq(template_file_id(id_of, id), 0);
	const struct template_meta m = {
		.created = (char *)"now",
		.kernel = id_of,
		.initrd = id_of,
		.path = id_of,
		.kernel_id = id,
		.initrd_id = id,
		.path_id = id,
		.machine = (char *)"q35",
		.accel = (char *)"tcg",
		.memory = 1,
		.vcpus = 3,
		.bytes = 4096,
		.devices = 7,
		.sum = (char *)"00ff",
	};
	unit_ok(template_meta_save(claimed, &m, &err), &err);
	write_at(claimed, "memory", "memory");
	write_at(claimed, "devices", "devices");
	_close_ int memory = openat(claimed, "memory", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(memory, 1 << 20), 0);
}

/* A complete template; returns its directory. */
static int make(void)
{
	struct err err = {};
	int fd = template_store_claim(store, KEY, &err);

	unit_ok(fd, &err);
	fill(fd);
	unit_ok(template_store_publish(store, fd, KEY, &err), &err);
	return fd;
}

static int get(struct err *err)
{
	struct template_meta m = {};
	int memory = -77, devices = -77;
	int r = template_store_get(store, KEY, &m, &memory, &devices, err);

	if (r < 0) {
		ck_assert_int_eq(memory, -77);
		ck_assert_int_eq(devices, -77);
		ck_assert_ptr_null(m.sum);
		return r;
	}
	close(memory);
	close(devices);
	template_meta_done(&m);
	return r;
}

static void list_is(const char *want)
{
	_buf_ struct buf b = {};
	_strv_ char **names = NULL;
	struct err err = {};

	unit_ok(path_list(store, &names, &err), &err);
	for (size_t i = 0; names && names[i]; i++)
		buf_printf(&b, "%s ", names[i]);
	ck_assert_str_eq(b.data ? b.data : "", want);
}

START_TEST(the_directory)
{
	struct err err = {};
	char *path = unit_mkdtemp();
	_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(template_store_open(fd, false, &err), -ENOENT);
	ck_assert_int_eq(err.code, 0);
	umask(0);
	int s = template_store_open(fd, true, &err);
	unit_ok(s, &err);
	close(s);
	ck_assert_uint_eq(mode_of(fd, STORE), 0700);
	s = template_store_open(fd, true, &err);
	unit_ok(s, &err);
	close(s);
	/* Open to others, or something else: not ours */
	ck_assert_int_eq(fchmodat(fd, STORE, 0750, 0), 0);
	unit_fails(template_store_open(fd, false, &err), EPERM, &err, "closed to others");
	unit_fails(template_store_open(fd, true, &err), EPERM, &err, "closed to others");
	ck_assert_int_eq(renameat(fd, STORE, fd, "other"), 0);
	ck_assert_int_eq(fchmodat(fd, "other", 0700, 0), 0);
	ck_assert_int_eq(symlinkat("other", fd, STORE), 0);
	unit_fails(template_store_open(fd, true, &err), ENOTDIR, &err, "directory of templates");
	ck_assert_int_eq(unlinkat(fd, STORE, 0), 0);
	write_at(fd, STORE, "x");
	unit_fails(template_store_open(fd, true, &err), ENOTDIR, &err, "directory of templates");
	if (geteuid() == 0) {
		ck_assert_int_eq(unlinkat(fd, STORE, 0), 0);
		ck_assert_int_eq(mkdirat(fd, STORE, 0700), 0);
		ck_assert_int_eq(fchownat(fd, STORE, 1, 1, 0), 0);
		unit_fails(template_store_open(fd, true, &err), EPERM, &err, "the caller");
	}
	unit_rmdir(path);
}
END_TEST

START_TEST(from_claim_to_removal)
{
	struct err err = {};

	set_up();
	umask(0);
	int fds = unit_count_fds(), fd, memory, devices;
	struct template_meta m;

	list_is("");
	ck_assert_int_eq(get(&err), -ENOENT);
	ck_assert_int_eq(err.code, 0);
	fd = template_store_claim(store, KEY, &err);
	unit_ok(fd, &err);
	ck_assert_uint_eq(mode_of(store, NEW), 0700);
	list_is(NEW " ");
	ck_assert(template_store_busy(store, NEW));
	fill(fd);
	ck_assert_int_eq(get(&err), -ENOENT);
	unit_ok(template_store_publish(store, fd, KEY, &err), &err);
	close(fd);
	list_is(KEY " ");
	ck_assert(!template_store_busy(store, NEW));
	unit_ok(template_store_get(store, KEY, &m, &memory, &devices, &err), &err);
	ck_assert_str_eq(m.machine, "q35");
	ck_assert_str_eq(m.sum, "00ff");
	ck_assert_uint_eq(m.memory, 1);
	ck_assert_uint_eq(m.bytes, 4096);
	ck_assert_uint_eq(m.devices, 7);
	ck_assert(template_meta_current(&m));
	/* Those who read are not disturbed. */
	unit_ok(template_store_remove(store, KEY, &err), &err);
	list_is("");
	char text[7];
	ck_assert_int_eq(io_read_at(devices, text, 7, 0), 0);
	ck_assert_mem_eq(text, "devices", 7);
	ck_assert_int_eq(io_read_at(memory, text, 6, 0), 0);
	close(memory);
	close(devices);
	ck_assert_int_eq(utimensat(AT_FDCWD, m.initrd, NULL, 0), 0);
	ck_assert(!template_meta_current(&m));
	ck_assert_int_eq(unlink(m.initrd), 0);
	ck_assert(!template_meta_current(&m));
	template_meta_done(&m);
	ck_assert_int_eq(get(&err), -ENOENT);
	ck_assert_int_eq(unit_count_fds(), fds);
	tear_down();
}
END_TEST

START_TEST(one_maker)
{
	struct err err = {};
	int first, second;

	set_up();
	first = template_store_claim(store, KEY, &err);
	unit_ok(first, &err);
	fill(first);
	unit_fails(template_store_claim(store, KEY, &err), EBUSY, &err, "another command");
	list_is(NEW " ");
	/* Another key is another matter. */
	second = template_store_claim(store, "00", &err);
	unit_ok(second, &err);
	list_is("00.new " NEW " ");
	close(second);
	ck_assert(template_store_busy(store, NEW));
	ck_assert(!template_store_busy(store, "00.new"));
	ck_assert(!template_store_busy(store, "none.new"));
	/* What the first has left half-made is nobody's. */
	close(first);
	second = template_store_claim(store, KEY, &err);
	unit_ok(second, &err);
	ck_assert_int_eq(faccessat(second, "memory", F_OK, 0), -1);
	close(second);
	tear_down();
}
END_TEST

START_TEST(a_maker_that_was_killed)
{
	struct err err = {};
	int p[2], fd;
	char c;

	set_up();
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		fd = template_store_claim(store, KEY, NULL);
		fill(fd);
		(void)!write(p[1], "x", 1);
		pause();
		_exit(1);
	}
	ck_assert_int_eq(io_read_all(p[0], &c, 1), 0);
	ck_assert(template_store_busy(store, NEW));
	unit_fails(template_store_claim(store, KEY, &err), EBUSY, &err, "another command");
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!template_store_busy(store, NEW));
	ck_assert_int_eq(get(&err), -ENOENT);
	fd = make();
	unit_ok(get(&err), &err);
	list_is(KEY " ");
	close(fd);
	close(p[0]);
	close(p[1]);
	tear_down();
}
END_TEST

START_TEST(publishing)
{
	struct err err = {};
	int first, second;

	set_up();
	first = make();
	/* Somebody was faster: his stays. */
	second = template_store_claim(store, KEY, &err);
	unit_ok(second, &err);
	fill(second);
	unit_fails(template_store_publish(store, second, KEY, &err), EEXIST, &err, "exists already");
	list_is(KEY " " NEW " ");
	template_store_give_up(store, second, KEY);
	list_is(KEY " ");
	unit_ok(get(&err), &err);
	close(first);
	close(second);
	tear_down();
}
END_TEST

/* and somebody else is at it now: neither published nor removed in his stead */
START_TEST(removed_while_it_was_made)
{
	struct err err = {};
	int first, second;

	set_up();
	first = template_store_claim(store, KEY, &err);
	unit_ok(first, &err);
	fill(first);
	unit_ok(template_store_remove(store, NEW, &err), &err);
	unit_fails(template_store_claimed(store, first, KEY, &err), ECANCELED, &err, "was removed");
	unit_fails(template_store_publish(store, first, KEY, &err), ECANCELED, &err, "was removed");
	second = template_store_claim(store, KEY, &err);
	unit_ok(second, &err);
	unit_fails(template_store_publish(store, first, KEY, &err), ECANCELED, &err, "was removed");
	template_store_give_up(store, first, KEY);
	list_is(NEW " ");
	fill(second);
	unit_ok(template_store_publish(store, second, KEY, &err), &err);
	unit_ok(get(&err), &err);
	close(first);
	close(second);
	tear_down();
}
END_TEST

enum kind { REMOVED, EMPTY, LONGER, SHORTER, SYMLINK, FIFO, DIRECTORY, OPEN_TO_OTHERS, N_KINDS };

static void damage(int fd, const char *name, enum kind kind)
{
	struct stat st;

	ck_assert_int_eq(fstatat(fd, name, &st, 0), 0);
	_close_ int file = openat(fd, name, O_WRONLY | O_CLOEXEC);
	switch (kind) {
	case EMPTY:
		ck_assert_int_eq(ftruncate(file, 0), 0);
		return;
	case LONGER:
		ck_assert_int_eq(ftruncate(file, st.st_size + 1), 0);
		return;
	case SHORTER:
		ck_assert_int_eq(ftruncate(file, st.st_size - 1), 0);
		return;
	case OPEN_TO_OTHERS:
		ck_assert_int_eq(fchmod(file, 0640), 0);
		return;
	case SYMLINK:
		ck_assert_int_eq(renameat(fd, name, fd, "elsewhere"), 0);
		ck_assert_int_eq(symlinkat("elsewhere", fd, name), 0);
		return;
	default:
		ck_assert_int_eq(unlinkat(fd, name, 0), 0);
	}
	if (kind == FIFO)
		ck_assert_int_eq(mkfifoat(fd, name, 0600), 0);
	if (kind == DIRECTORY)
		ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
}

START_TEST(damage_to_files)
{
	static const char *const names[] = { "memory", "devices", "template.json" };

	set_up();
	int fds = unit_count_fds();
	for (size_t i = 0; i < 3; i++) {
		for (enum kind kind = 0; kind < N_KINDS; kind++) {
			struct err err = {};
			int fd = make();

			unit_ok(get(&err), &err);
			damage(fd, names[i], kind);
			close(fd);
			/* A NUL at its end is no JSON. */
			int r = get(&err);
			ck_assert_msg(r == -EUCLEAN, "%s, damage %d: %d", names[i], (int)kind, r);
			ck_assert_msg(strstr(err.msg, "the template 01234567 is damaged"), "%s",
				      err.msg);
			ck_assert_msg(strstr(err.msg, names[i]), "%s, damage %d: %s", names[i],
				      (int)kind, err.msg);
			unit_ok(template_store_remove(store, KEY, &err), &err);
			list_is("");
		}
	}
	ck_assert_int_eq(unit_count_fds(), fds);
	tear_down();
}
END_TEST

START_TEST(damage_to_the_description)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "null", "" },
		{ "[]", "" },
		{ "{}", "version" },
		{ "{\"version\": 1", "" },
		{ "\xff\xfe", "" },
		{ "{\"version\": \"1\"}", "version" },
		{ "{\"version\": 1, \"version\": 1}", "version" },
	};

	set_up();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {};
		int fd = make();

		write_at(fd, "template.json", cases[i].text);
		close(fd);
		unit_fails(get(&err), EUCLEAN, &err, "the template 01234567 is damaged");
		ck_assert_msg(strstr(err.msg, cases[i].part), "%s: %s", cases[i].text, err.msg);
		unit_ok(template_store_remove(store, KEY, &err), &err);
	}
	tear_down();
}
END_TEST

/* change: what is replaced in the text, "KEY:VALUE" by another. */
static void changed(const char *from, const char *to, const char *part)
{
	_free_ char *text = NULL, *now = NULL;
	struct err err = {};
	int fd = make();

	unit_ok(io_read_file(fd, "template.json", 65536, &text, NULL, &err), &err);
	char *at = strstr(text, from);
	ck_assert_msg(at != NULL, "no %s in %s", from, text);
	now = str_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	write_at(fd, "template.json", now);
	close(fd);
	unit_fails(get(&err), EUCLEAN, &err, part);
	unit_ok(template_store_remove(store, KEY, &err), &err);
}

START_TEST(descriptions_that_lie)
{
	set_up();
	changed("\"version\":1", "\"version\":2", "version 2");
	changed("\"memory\":1", "\"memory\":2", "memory has 1048576 bytes instead of 2097152");
	changed("\"memory\":1", "\"memory\":0", "memory has 1048576 bytes instead of 0");
	changed("\"memory\":1", "\"memory\":-1", "memory");
	changed("\"memory\":1", "\"memory\":4294967296", "memory");
	changed("\"devices\":7", "\"devices\":8", "devices has 7 bytes instead of 8");
	changed("\"devices\":7", "\"devices\":18446744073709551616", "template.json: ");
	changed("\"sum\":\"00ff\"", "\"sum\":null", "sum");
	changed("\"sum\":\"00ff\"", "\"more\":1", "more");
	tear_down();
}
END_TEST

START_TEST(entries_that_are_none)
{
	struct err err = {};

	set_up();
	write_at(store, KEY, "a file");
	unit_fails(get(&err), EUCLEAN, &err, "damaged");
	unit_ok(template_store_remove(store, KEY, &err), &err);
	ck_assert_int_eq(mkdirat(root, "outside", 0700), 0);
	_close_ int outside = openat(root, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill(outside);
	ck_assert_int_eq(symlinkat("../outside", store, KEY), 0);
	unit_fails(get(&err), EUCLEAN, &err, "damaged");
	unit_ok(template_store_remove(store, KEY, &err), &err);
	int fd = make();
	ck_assert_int_eq(fchmod(fd, 0755), 0);
	close(fd);
	unit_fails(get(&err), EUCLEAN, &err, "its directory must");
	unit_ok(template_store_remove(store, KEY, &err), &err);
	ck_assert_int_eq(symlinkat("../outside", store, NEW), 0);
	ck_assert(!template_store_busy(store, NEW));
	/* In the way of a maker, but never followed */
	ck_assert_int_lt(template_store_claim(store, KEY, &err), 0);
	unit_ok(template_store_remove(store, NEW, &err), &err);
	ck_assert_int_eq(faccessat(outside, "memory", F_OK, 0), 0);
	tear_down();
}
END_TEST

UNIT_MAIN("template_store", the_directory, from_claim_to_removal, one_maker,
	  a_maker_that_was_killed, publishing, removed_while_it_was_made, damage_to_files,
	  damage_to_the_description, descriptions_that_lie, entries_that_are_none)
