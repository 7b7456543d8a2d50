/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "config/keys.h"
#include "config/toml.h"
#include "tests/unit/unit.h"

static int parse(const char *text, struct moat_config *c, struct err *err)
{
	*err = (struct err){ 0 };
	ck_assert_ptr_nonnull(text);
	return config_parse("f", text, strlen(text), c, err);
}

static void refuses(const char *text, const char *message)
{
	struct moat_config c = { 0 };
	struct err err;

	ck_assert_int_eq(parse(text, &c, &err), -EINVAL);
	ck_assert_msg(strcmp(err.msg, message) == 0, "%s\n gave \"%s\"\n not  \"%s\"", text,
		      err.msg, message);
	ck_assert_ptr_null(c.qemu.path);
}

/* "[section]\nkey = value", refused with "f:2: key in [section] must be what" */
static void refuses_value(const struct config_key *k, const char *value, const char *what)
{
	_free_ char *text = str_printf("[%s]\n%s = %s\n", k->section, k->key, value);
	_free_ char *message = str_printf("f:2: %s in [%s] must be %s", k->key, k->section, what);

	refuses(text, message);
}

/* The text of a member, as TOML. */
static char *show(const struct moat_config *c, const struct config_key *k)
{
	const void *m = (const char *)c + k->offset;
	struct buf b = { 0 };

	switch (k->type) {
	case CONFIG_BOOL:
		return strdup(*(const bool *)m ? "true" : "false");
	case CONFIG_INT:
		return str_printf("%" PRIu32, *(const uint32_t *)m);
	case CONFIG_STR:
	case CONFIG_PATH:
		return str_printf("\"%s\"", *(char *const *)m);
	case CONFIG_STRV:
		for (char **s = *(char **const *)m; *s; s++)
			buf_printf(&b, "%s\"%s\"", b.len ? ", " : "", *s);
		_free_ char *list = buf_steal(&b);
		return str_printf("[%s]", list);
	}
	return NULL;
}

static char *warnings;

static void keep_warning(void *data, enum log_level level, const char *msg)
{
	char *all = str_printf("%s%s\n", warnings ? warnings : "", msg);

	free(warnings);
	warnings = all;
}

START_TEST(defaults)
{
	_cleanup_(config_done) struct moat_config c = { 0 };
	struct err err;

	unit_ok(parse("", &c, &err), &err);
	for (const struct config_key *k = config_keys; k->key; k++) {
		_free_ char *s = show(&c, k);
		ck_assert_msg(strcmp(s, k->fallback) == 0, "%s is %s", k->key, s);
	}
	ck_assert_str_eq(c.qemu.machine_type, "q35");
	ck_assert_uint_eq(c.qemu.default_vcpus, 1);
	ck_assert_uint_eq(c.qemu.default_memory, 256);
	ck_assert_uint_eq(c.agent.boot_timeout, 60);
	ck_assert_str_eq(c.runtime.hypervisor, "qemu");
	ck_assert_ptr_null(c.source);
}
END_TEST

START_TEST(rows)
{
	for (const struct config_key *k = config_keys; k->key; k++) {
		bool section = false;

		for (const struct config_section *s = config_sections; s->name; s++)
			section |= strcmp(s->name, k->section) == 0;
		ck_assert_msg(section, "[%s] is not listed", k->section);
		for (const struct config_key *o = k + 1; o->key; o++) {
			ck_assert_msg(strcmp(k->section, o->section) != 0 ||
					      strcmp(k->key, o->key) != 0,
				      "%s occurs twice", k->key);
			ck_assert_msg(k->offset != o->offset, "%s and %s are one member", k->key,
				      o->key);
		}
		ck_assert(k->doc && k->doc[strlen(k->doc) - 1] == '.');
		ck_assert(k->type != CONFIG_INT || k->min < k->max);
	}
}
END_TEST

/* Each key takes a value of its type other than the default. */
START_TEST(every_key)
{
	for (const struct config_key *k = config_keys; k->key; k++) {
		_cleanup_(config_done) struct moat_config c = { 0 };
		struct err err;
		_free_ char *value = NULL;

		if (k->type == CONFIG_BOOL)
			value = strdup(strcmp(k->fallback, "true") == 0 ? "false" : "true");
		else if (k->type == CONFIG_INT)
			value = str_printf("%" PRIu32, k->max);
		else if (k->type == CONFIG_PATH)
			value = strdup("\"/some/where, else=x\"");
		else if (k->type == CONFIG_STRV)
			value = strdup("[\"-o\", \"a=b\"]");
		else if (k->words)
			value = str_printf("\"%s\"", k->words[1] ? k->words[1] : k->words[0]);
		else
			value = strdup("\"some words\"");
		_free_ char *text = str_printf("[%s]\n%s = %s\n", k->section, k->key, value);
		unit_ok(parse(text, &c, &err), &err);
		_free_ char *shown = show(&c, k);
		ck_assert_str_eq(shown, value);
		for (const struct config_key *o = config_keys; o->key; o++) {
			_free_ char *other = show(&c, o);
			ck_assert_msg(o == k || strcmp(other, o->fallback) == 0, "%s changed %s",
				      k->key, o->key);
		}
	}
}
END_TEST

START_TEST(wrong_types)
{
	static const struct {
		enum config_type type;
		const char *name;
	} types[] = {
		[CONFIG_BOOL] = { CONFIG_BOOL, "true or false" },
		[CONFIG_INT] = { CONFIG_INT, "an integer" },
		[CONFIG_STR] = { CONFIG_STR, "a string" },
		[CONFIG_PATH] = { CONFIG_PATH, "a string" },
		[CONFIG_STRV] = { CONFIG_STRV, "an array of strings" },
	};
	static const struct {
		const char *value, *name;
	} values[] = {
		{ "true", "a boolean" },
		{ "3", "an integer" },
		{ "\"s\"", "a string" },
		{ "[]", "an array" },
	};

	for (const struct config_key *k = config_keys; k->key; k++) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			bool right = (k->type == CONFIG_BOOL && i == 0) ||
				     (k->type == CONFIG_INT && i == 1) ||
				     ((k->type == CONFIG_STR || k->type == CONFIG_PATH) && i == 2) ||
				     (k->type == CONFIG_STRV && i == 3);
			_free_ char *what = str_printf("%s, not %s", types[k->type].name,
						       values[i].name);

			if (!right)
				refuses_value(k, values[i].value, what);
		}
		/* [section.key]: a table instead of a value */
		_free_ char *text = str_printf("[%s.%s]\n", k->section, k->key);
		_free_ char *message = str_printf("f:1: unknown section [%s.%s]", k->section,
						  k->key);
		refuses(text, message);
	}
}
END_TEST

START_TEST(wrong_values)
{
	for (const struct config_key *k = config_keys; k->key; k++) {
		if (k->type == CONFIG_INT) {
			_free_ char *above = str_printf("%" PRIu64, (uint64_t)k->max + 1);
			_free_ char *what = str_printf("between %" PRIu32 " and %" PRIu32 ", not %s",
						       k->min, k->max, above);
			refuses_value(k, above, what);
			_free_ char *what_negative = str_printf(
				"between %" PRIu32 " and %" PRIu32 ", not -1", k->min, k->max);
			refuses_value(k, "-1", what_negative);
		} else if (k->type == CONFIG_PATH) {
			refuses_value(k, "\"relative/path\"", "an absolute path");
			refuses_value(k, "\"/a\\nb\"", "free of control characters");
		} else if (k->type == CONFIG_STRV) {
			refuses_value(k, "[\"a\", 1]", "an array of strings");
			refuses_value(k, "[\"\"]", "free of empty strings");
			refuses_value(k, "[\"a\\u007f\"]", "free of control characters");
		} else if (k->type == CONFIG_STR) {
			refuses_value(k, "\"a\\nb\"", "free of control characters");
		}
	}
	refuses("[hypervisor.qemu]\n\nmachine_type = \"pc\"",
		"f:3: machine_type in [hypervisor.qemu] must be \"q35\", \"microvm\", not \"pc\"");
	refuses("[hypervisor.qemu]\nshared_fs = \"9p\"",
		"f:2: shared_fs in [hypervisor.qemu] must be \"virtio-fs\", \"none\", not \"9p\"");
	refuses("[hypervisor.qemu]\nshared_fs = \"virtio-9p\"",
		"f:2: shared_fs in [hypervisor.qemu] cannot be \"virtio-9p\": QEMU would open the files itself, and it runs "
		"without rights to any, and Debian's kernel for cloud guests has no 9p: use virtio-fs");
	refuses("[hypervisor.qemu]\ndefault_memory = 31",
		"f:2: default_memory in [hypervisor.qemu] must be between 32 and 16777216, not 31");
	refuses("[hypervisor.qemu]\ndefault_memory = 99999999999999999999",
		"f:2: integer out of range");

	_buf_ struct buf text = { 0 };
	buf_puts(&text, "[hypervisor.qemu]\nkernel_params = \"");
	for (int i = 0; i < 1025; i++)
		buf_puts(&text, "x");
	buf_puts(&text, "\"\n");
	refuses(text.data,
		"f:2: kernel_params in [hypervisor.qemu] must be at most 1024 bytes long");

	buf_reset(&text);
	buf_puts(&text, "[hypervisor.qemu]\nvirtio_fs_extra_args = [");
	for (int i = 0; i < 65; i++)
		buf_puts(&text, "'x',");
	buf_puts(&text, "]\n");
	refuses(text.data,
		"f:2: virtio_fs_extra_args in [hypervisor.qemu] must be an array of at most 64 strings");
}
END_TEST

START_TEST(unknown)
{
	refuses("[hypervisor.qemu]\n\ndefault_vcpu = 1\n",
		"f:3: unknown key \"default_vcpu\" in [hypervisor.qemu]");
	refuses("[hypervisor.qemu]\nPath = \"/x\"\n",
		"f:2: unknown key \"Path\" in [hypervisor.qemu]");
	refuses("[runtime]\npath = \"/x\"\n", "f:2: unknown key \"path\" in [runtime]");
	refuses("path = \"/x\"\n", "f:1: unknown key \"path\" before the first section");
	refuses("[hypervisor]\npath = \"/x\"\n", "f:2: unknown key \"path\" in [hypervisor]");
	refuses("[runtime]\n[hypervisor.clh]\n", "f:2: unknown section [hypervisor.clh]");
	refuses("[proxy]\n", "f:1: unknown section [proxy]");
	refuses("[a.b.c]\n", "f:1: unknown section [a.b.c]");
	refuses("[hypervisor.qemu.x]\ny = 1\n", "f:1: unknown section [hypervisor.qemu.x]");
	refuses("[\"hypervisor.qemu\"]\npath = \"/x\"\n",
		"f:1: unknown section [\"hypervisor.qemu\"]");
	refuses("hypervisor = 1\n", "f:1: unknown key \"hypervisor\" before the first section");
	refuses("[runtime]\nenable_debug = yes\n",
		"f:2: \"yes\" is no value: strings are written in quotes");
}
END_TEST

START_TEST(empty_sections)
{
	_cleanup_(config_done) struct moat_config c = { 0 };
	struct err err;

	unit_ok(parse("[hypervisor]\n[hypervisor.qemu]\n[agent]\n[agent.moat]\n[runtime]\n", &c,
		      &err),
		&err);
}
END_TEST

START_TEST(later)
{
	_cleanup_(config_done) struct moat_config c = { 0 };
	struct err err;

	log_set_sink(keep_warning, NULL);
	log_set_level(LOG_LEVEL_WARN);
	unit_ok(parse("[hypervisor.qemu]\ndefault_maxvcpus = 4\nmemory_slots = 10\n", &c, &err),
		&err);
	ck_assert_ptr_null(warnings);
	config_done(&c);
	unit_ok(parse("[hypervisor.qemu]\nmemory_slots = 11\n", &c, &err), &err);
	ck_assert_ptr_nonnull(
		strstr(warnings, "f:2: memory_slots in [hypervisor.qemu] has no effect yet: "));
	free(warnings);
}
END_TEST

/* The sample parses, and so it does with every key switched on; either way it is the defaults. */
START_TEST(sample_file)
{
	_buf_ struct buf sample = { 0 }, on = { 0 };
	_cleanup_(config_done) struct moat_config c = { 0 };
	struct err err;
	size_t n = 0;

	config_write_sample(&sample);
	ck_assert(buf_ok(&sample));
	unit_ok(parse(sample.data, &c, &err), &err);
	config_done(&c);
	for (char *line = sample.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		bool key = line[0] == '#' && line[1] != ' ';

		ck_assert_int_le(end - line, 100);
		n += key;
		buf_append(&on, line + key, (size_t)(end - line) + 1 - key);
	}
	for (const struct config_key *k = config_keys; k->key; k++)
		n--;
	ck_assert_uint_eq(n, 0);
	unit_ok(parse(on.data, &c, &err), &err);
	for (const struct config_key *k = config_keys; k->key; k++) {
		_free_ char *s = show(&c, k);
		ck_assert_str_eq(s, k->fallback);
	}
}
END_TEST

START_TEST(manual)
{
	_buf_ struct buf man = { 0 };

	config_write_man_keys(&man);
	ck_assert(buf_ok(&man));
	for (const struct config_key *k = config_keys; k->key; k++) {
		_free_ char *tag = str_printf(".BR %s ", k->key);
		ck_assert_msg(strstr(man.data, tag) != NULL, "%s is missing", k->key);
	}
	/* Every line that begins with a dot is a request that is meant. */
	for (char *line = man.data, *end; (end = strchr(line, '\n')); line = end + 1)
		ck_assert_msg(*line != '\'' && (*line != '.' || strncmp(line, ".SS ", 4) == 0 ||
						strncmp(line, ".TP\n", 4) == 0 ||
						strncmp(line, ".br\n", 4) == 0 ||
						strncmp(line, ".BR ", 4) == 0),
			      "%.*s", (int)(end - line), line);
}
END_TEST

/* ---- files ---- */

static char *dir;

static char *put(const char *name, const void *data, size_t len, mode_t mode)
{
	char *path = path_join(dir, name);
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	return path;
}

static void load_refuses(const char *path, int code, const char *part)
{
	struct moat_config c = { 0 };
	struct err err = { 0 };
	int fds = unit_count_fds();

	unit_fails(config_load(path, &c, &err), code, &err, part);
	ck_assert_ptr_null(c.qemu.path);
	ck_assert_int_eq(unit_count_fds(), fds);
}

START_TEST(files)
{
	static const char text[] =
		"[hypervisor.qemu]\ndefault_memory = 512\nkernel = '/k'\npath = '/q'\n";
	_cleanup_(config_done) struct moat_config c = { 0 };
	struct err err = { 0 };

	dir = unit_mkdtemp();
	_free_ char *path = put("c.toml", text, strlen(text), 0644);
	unit_ok(config_load(path, &c, &err), &err);
	ck_assert_str_eq(c.source, path);
	ck_assert_uint_eq(c.qemu.default_memory, 512);
	ck_assert_str_eq(c.qemu.kernel, "/k");
	ck_assert_str_eq(c.qemu.path, "/q");
	ck_assert(strstr(c.qemu.initrd, "/initramfs.cpio") != NULL);
	ck_assert(strstr(c.qemu.virtio_fs_daemon, "/virtiofsd") != NULL);
	config_done(&c);

	/* Through a symlink: it is the file behind that counts. */
	_free_ char *link = path_join(dir, "link");
	ck_assert_int_eq(symlink("c.toml", link), 0);
	unit_ok(config_load(link, &c, &err), &err);

	_free_ char *empty = put("empty", "", 0, 0400);
	config_done(&c);
	unit_ok(config_load(empty, &c, &err), &err);
	ck_assert_uint_eq(c.qemu.default_memory, 256);
	unit_rmdir(dir);
}
END_TEST

START_TEST(bad_files)
{
	dir = unit_mkdtemp();
	_free_ char *missing = path_join(dir, "missing"), *fifo = path_join(dir, "fifo"),
		    *loop = path_join(dir, "loop");
	_free_ char *group = put("group", "", 0, 0664), *world = put("world", "", 0, 0646);
	_free_ char *nul = put("nul", "[runtime]\n\0", 11, 0600);
	_free_ char *syntax = put("syntax", "[runtime\n", 9, 0600);
	_free_ char *below = path_join(group, "x");

	load_refuses(missing, ENOENT, "missing': no such file or directory");
	load_refuses(below, ENOTDIR, "not a directory");
	load_refuses(dir, EISDIR, "is a directory, not a configuration file");
	load_refuses("/dev/null", EINVAL, "'/dev/null' is not a regular file");
	load_refuses("", ENOENT, "no such file or directory");
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	load_refuses(fifo, EINVAL, "is not a regular file");
	ck_assert_int_eq(symlink("loop", loop), 0);
	load_refuses(loop, ELOOP, "too many levels of symbolic links");
	load_refuses(group, EPERM, "can be written to by its group: chmod go-w");
	load_refuses(world, EPERM, "can be written to by everybody: chmod go-w");
	load_refuses(nul, EINVAL, "nul:2: control character 0x00");
	load_refuses(syntax, EINVAL, "syntax:1: a section without its closing ]");

	_free_ char *spaces = malloc(CONFIG_MAX_BYTES + 1);
	memset(spaces, ' ', CONFIG_MAX_BYTES + 1);
	_free_ char *huge = put("huge", spaces, CONFIG_MAX_BYTES + 1, 0600);
	load_refuses(huge, EFBIG, "is larger than 1048576 bytes");
	ck_assert_int_eq(truncate(huge, CONFIG_MAX_BYTES), 0);
	_cleanup_(config_done) struct moat_config c = { 0 };
	struct err err = { 0 };
	unit_ok(config_load(huge, &c, &err), &err);

	_free_ char *sparse = put("sparse", "", 0, 0600);
	ck_assert_int_eq(truncate(sparse, (off_t)1 << 40), 0);
	load_refuses(sparse, EFBIG, "is larger than");

	if (geteuid() == 0) {
		_free_ char *owner = put("owner", "", 0, 0600);
		ck_assert_int_eq(chown(owner, 1000, 0), 0);
		load_refuses(owner, EPERM, "belongs to uid 1000: it must be root's");
	}
	unit_rmdir(dir);
}
END_TEST

/* The environment has no say. */
START_TEST(environment)
{
	_cleanup_(config_done) struct moat_config plain = { 0 }, set = { 0 };
	struct err err = { 0 };

	if (access(CONFIG_FILE, F_OK) == 0)
		return; /* this machine's own configuration */
	unit_ok(config_load(NULL, &plain, &err), &err);
	ck_assert_ptr_null(plain.source);
	ck_assert_int_eq(err.code, 0);
	setenv("MOAT_CONFIG", "/nonexistent", 1);
	setenv("KATA_CONF_FILE", "/nonexistent", 1);
	setenv("HOME", "/nonexistent", 1);
	setenv("PATH", "/nonexistent", 1);
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	unit_ok(config_load(NULL, &set, &err), &err);
	for (const struct config_key *k = config_keys; k->key; k++) {
		_free_ char *a = show(&plain, k), *b = show(&set, k);
		ck_assert_str_eq(a, b);
	}
}
END_TEST

UNIT_MAIN("config", defaults, rows, every_key, wrong_types, wrong_values, unknown, empty_sections,
	  later, sample_file, manual, files, bad_files, environment)
