/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as a file and as hostile bytes. */
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"
#include "oci/config.h"
#include "tests/unit/test_oci.h"

static void refused(const char *text, size_t len, int code, const char *part)
{
	struct oci_config *c = NULL;
	struct err err = { 0 };

	unit_fails(oci_config_parse(text, len, NULL, NULL, &c, &err), code, &err, part);
	ck_assert_ptr_null(c);
}

static void write_config(const char *dir, const void *data, size_t len)
{
	_free_ char *path = path_join(dir, "config.json");
	FILE *f;

	unlink(path);
	f = fopen(path, "w");
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

START_TEST(loads_a_bundle)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	char *dir = unit_mkdtemp();
	_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_free_ char *path = path_join(dir, "config.json");
	_free_ char *big = calloc(1, OCI_CONFIG_MAX_BYTES + 1);
	_free_ char *text = NULL;
	struct err err = { 0 };
	size_t len;

	unit_fails(oci_config_load(fd, NULL, NULL, &c, &err), ENOENT, &err,
		   "JSON specification file config.json not found");
	write_config(dir, "", 0);
	unit_fails(oci_config_load(fd, NULL, NULL, &c, &err), EINVAL, &err, "unexpected EOF");
	write_config(dir, "{}", 2);
	unit_fails(oci_config_load(fd, NULL, NULL, &c, &err), EINVAL, &err,
		   "process property must not be empty");
	write_config(dir, "{\n  \"a\": tru\n}", 14);
	unit_fails(oci_config_load(fd, NULL, NULL, &c, &err), EINVAL, &err,
		   "config.json: line 2, column 1");
	memset(big, ' ', OCI_CONFIG_MAX_BYTES + 1);
	write_config(dir, big, OCI_CONFIG_MAX_BYTES + 1);
	unit_fails(oci_config_load(fd, NULL, NULL, &c, &err), EFBIG, &err,
		   "config.json is larger than 16 MiB");
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	unit_fails(oci_config_load(fd, NULL, NULL, &c, &err), EINVAL, &err, "config.json");
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_lt(oci_config_load(fd, NULL, NULL, &c, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "config.json"));
	rmdir(path);
	ck_assert_ptr_null(c);

	text = data_text("docker-run.json", &len);
	write_config(dir, text, len);
	unit_ok(oci_config_load(fd, NULL, NULL, &c, &err), &err);
	ck_assert_str_eq(c->process->args[0], "echo");
	unit_rmdir(dir);
}
END_TEST

static void count(void *data, const char *msg)
{
	++*(int *)data;
}

START_TEST(no_warnings_for_what_is_refused)
{
	_json_ json_t *doc = minimal(
		"{\"mounts\":[{\"destination\":\"x\"}],\"linux\":{\"intelRdt\":{\"closID\":\"x\"}},"
		"\"process\":{\"capabilities\":{\"ambient\":[\"x\"]}}}");
	struct oci_config *c = NULL;
	struct err err = { 0 };
	int n = 0;

	unit_ok(oci_config_from_json(doc, count, &n, &c, &err), &err);
	ck_assert_int_eq(n, 3);
	oci_config_freep(&c);
	n = 0;
	json_object_set_new(doc, "ociVersion", json_string("2.0.0"));
	ck_assert_int_lt(oci_config_from_json(doc, count, &n, &c, &err), 0);
	ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(refuses_every_prefix)
{
	static const char *const names[] = { "cri-sandbox.json", "spdk-vhost-user.json" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len;
		_free_ char *text = data_text(names[i], &len);

		for (size_t n = 0; n < len; n++) {
			/* of its own, so that reading past the end is seen */
			_free_ char *part = malloc(n ? n : 1);
			struct oci_config *c = NULL;
			struct err err = { 0 };

			memcpy(part, text, n);
			ck_assert_int_lt(oci_config_parse(part, n, NULL, NULL, &c, &err), 0);
			ck_assert_ptr_null(c);
			ck_assert(err.msg[0]);
		}
	}
}
END_TEST

START_TEST(refuses_what_is_no_object)
{
	static const char *const texts[] = { "null",  "[]",   "1",
					     "\"x\"", "true", "18446744073709551615" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		refused(texts[i], strlen(texts[i]), EINVAL, "");
	refused("null", 4, EINVAL, "config.json must be an object");
	refused("{} {}", 5, EINVAL, "config.json: line 1");
	refused("\xef\xbb\xbf{}", 5, EINVAL, "config.json: line 1, column 1");
}
END_TEST

START_TEST(refuses_bad_bytes)
{
	static const char *const values[] = { "\"a\\u0000b\"", "\"\\ud800\"", "\"\xff\"",
					      "\"\xc0\xaf\"", "\"a\nb\"" };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		_free_ char *text = str_printf("{\"process\":{\"cwd\":%s}}", values[i]);

		refused(text, strlen(text), EINVAL, "config.json: line 1, column ");
	}
	refused("{\"a\":\"\0\"}", 9, EINVAL, "config.json: line 1, column ");
	refused("{\"a\":1,\"b\":2,\"a\":1}", 19, EINVAL, "\"a\" occurs twice");
	refused("{\"process\":{\"cwd\":\"/\",\"cwd\":\"/\"}}", 33, EINVAL, "\"cwd\" occurs twice");
}
END_TEST

/* Nested arrays under an unknown key. */
static char *nested(size_t depth, size_t *len)
{
	struct buf b = { 0 };

	buf_puts(&b, "{\"x\":");
	for (size_t i = 0; i < depth; i++)
		buf_puts(&b, "[");
	for (size_t i = 0; i < depth; i++)
		buf_puts(&b, "]");
	buf_puts(&b, "}");
	*len = b.len;
	return buf_steal(&b);
}

START_TEST(refuses_deep_nesting)
{
	static const size_t depths[] = { 64, 1000, 100000 };
	_free_ char *ok = NULL, *brackets = malloc(10 << 20);
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		_free_ char *text = nested(depths[i], &len);

		refused(text, len, E2BIG, "nested too deeply");
	}
	ok = nested(63, &len);
	refused(ok, len, EINVAL, "process property must not be empty");
	memset(brackets, '[', 10 << 20);
	refused(brackets, 10 << 20, E2BIG, "nested too deeply");
}
END_TEST

/* The milliseconds that parsing takes. */
static long timed(json_t *doc, struct oci_config **ret)
{
	_free_ char *text = js_dump(doc);
	struct timespec from, to;
	struct err err = { 0 };
	int r;

	clock_gettime(CLOCK_MONOTONIC, &from);
	r = oci_config_parse(text, strlen(text), NULL, NULL, ret, &err);
	clock_gettime(CLOCK_MONOTONIC, &to);
	unit_ok(r, &err);
	return (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

#if defined(__SANITIZE_ADDRESS__)
#define LIMIT_MS 10000
#else
#define LIMIT_MS 1000
#endif

START_TEST(large_documents_are_quick)
{
	static const struct {
		const char *object, *key, *element;
		int n;
	} cases[] = {
		{ "process", "env", "\"NAME=value\"", 200000 },
		{ "process", "args", "\"argument\"", 200000 },
		{ NULL, "mounts",
		  "{\"destination\":\"/a/../b\",\"type\":\"bind\",\"source\":\"/\",\"options\":[\"ro\"]}",
		  50000 },
		{ "hooks", "prestart", "{\"path\":\"/bin/true\"}", 10000 },
		{ "linux", "maskedPaths", "\"/proc/kcore\"", 200000 },
		{ "linux", "devices", "{\"type\":\"c\",\"path\":\"/dev/x\"}", 100000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_json_ json_t *doc = minimal("{\"hooks\":{}}"), *array = json_array();
		_json_ json_t *element = text_json(cases[i].element);
		long ms;

		for (int k = 0; k < cases[i].n; k++)
			json_array_append(array, element);
		json_object_set(cases[i].object ? json_object_get(doc, cases[i].object) : doc,
				cases[i].key, array);
		ms = timed(doc, &c);
		ck_assert_msg(ms < LIMIT_MS, "%s: %ld ms", cases[i].key, ms);
	}
}
END_TEST

START_TEST(a_long_argument)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	_free_ char *arg = malloc((1 << 20) + 1);
	_json_ json_t *doc = minimal(NULL);

	memset(arg, 'x', 1 << 20);
	arg[1 << 20] = '\0';
	json_object_set_new(json_object_get(doc, "process"), "args", json_pack("[s]", arg));
	ck_assert_int_lt(timed(doc, &c), LIMIT_MS);
	ck_assert_uint_eq(strlen(c->process->args[0]), 1 << 20);
}
END_TEST

UNIT_MAIN("oci_load", loads_a_bundle, no_warnings_for_what_is_refused, refuses_every_prefix,
	  refuses_what_is_no_object, refuses_bad_bytes, refuses_deep_nesting,
	  large_documents_are_quick, a_long_argument)
