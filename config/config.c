/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "config/keys.h"
#include "config/toml.h"

#define MAX_STRING 4096 /* bytes, where a key sets no limit of its own */
#define MAX_ARRAY 64 /* elements; the message says so too */

/* Where a value came from, for messages. */
struct place {
	const char *file; /* NULL: a default */
	int line;
	const struct config_key *key;
};

static void *member(const struct moat_config *c, const struct config_key *k)
{
	return (char *)(uintptr_t)c + k->offset;
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_ARRAY:
		return "an array";
	default:
		return "a section";
	}
}

/* "FILE:LINE: KEY in [SECTION] must be WHAT" */
static int must_be(const struct place *at, struct err *err, const char *what)
{
	return err_set(err, EINVAL, "%s:%d: %s in [%s] must be %s", at->file ? at->file : "default",
		       at->line, at->key->key, at->key->section, what);
}

static int wrong_type(const struct place *at, struct err *err, const char *want, const json_t *v)
{
	char what[64];

	snprintf(what, sizeof(what), "%s, not %s", want, type_name(v));
	return must_be(at, err, what);
}

/* ---- values ---- */

static int check_string(const struct place *at, const char *s, struct err *err)
{
	size_t limit = at->key->max ? at->key->max : MAX_STRING;
	char what[64];

	for (const char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return must_be(at, err, "free of control characters");
	if (strlen(s) > limit) {
		snprintf(what, sizeof(what), "at most %zu bytes long", limit);
		return must_be(at, err, what);
	}
	return 0;
}

static int check_word(const struct place *at, const char *s, struct err *err)
{
	_buf_ struct buf what = { 0 };

	if (at->key->refused && strcmp(s, at->key->refused) == 0)
		return err_set(err, EINVAL, "%s:%d: %s in [%s] cannot be \"%s\": %s",
			       at->file ? at->file : "default", at->line, at->key->key,
			       at->key->section, s, at->key->why);
	for (const char *const *w = at->key->words; *w; w++) {
		if (strcmp(s, *w) == 0)
			return 0;
		buf_printf(&what, "%s\"%s\"", what.len ? ", " : "", *w);
	}
	buf_printf(&what, ", not \"%s\"", s);
	return must_be(at, err, buf_ok(&what) ? what.data : "another word");
}

static int set_string(const struct place *at, const json_t *v, char **ret, struct err *err)
{
	const char *s = json_string_value(v);
	int r;

	if (!s)
		return wrong_type(at, err, "a string", v);
	r = check_string(at, s, err);
	if (r < 0)
		return r;
	if (at->key->words) {
		r = check_word(at, s, err);
		if (r < 0)
			return r;
	}
	if (at->key->type == CONFIG_PATH && *s && *s != '/')
		return must_be(at, err, "an absolute path");
	*ret = strdup(s);
	return *ret ? 0 : err_errno(err, ENOMEM, "configuration");
}

static int set_integer(const struct place *at, const json_t *v, uint32_t *ret, struct err *err)
{
	json_int_t i = json_integer_value(v);
	char what[96];

	if (!json_is_integer(v))
		return wrong_type(at, err, "an integer", v);
	if (i < (json_int_t)at->key->min || i > (json_int_t)at->key->max) {
		snprintf(what, sizeof(what),
			 "between %" PRIu32 " and %" PRIu32 ", not %" JSON_INTEGER_FORMAT,
			 at->key->min, at->key->max, i);
		return must_be(at, err, what);
	}
	*ret = (uint32_t)i;
	return 0;
}

static int set_strings(const struct place *at, const json_t *v, char ***ret, struct err *err)
{
	_strv_ char **strv = strv_copy(NULL);
	const json_t *element;
	size_t i;

	if (!strv)
		return err_errno(err, ENOMEM, "configuration");
	if (!json_is_array(v))
		return wrong_type(at, err, "an array of strings", v);
	if (json_array_size(v) > MAX_ARRAY)
		return must_be(at, err, "an array of at most 64 strings");
	json_array_foreach(v, i, element) {
		const char *s = json_string_value(element);
		int r;

		if (!s)
			return must_be(at, err, "an array of strings");
		if (!*s)
			return must_be(at, err, "free of empty strings");
		r = check_string(at, s, err);
		if (r < 0)
			return r;
		if (strv_add(&strv, s) < 0)
			return err_errno(err, ENOMEM, "configuration");
	}
	*ret = take_ptr(strv);
	return 0;
}

static int set(const struct place *at, const json_t *v, struct moat_config *c, struct err *err)
{
	void *to = member(c, at->key);

	switch (at->key->type) {
	case CONFIG_BOOL:
		if (!json_is_boolean(v))
			return wrong_type(at, err, "true or false", v);
		*(bool *)to = json_is_true(v);
		return 0;
	case CONFIG_INT:
		return set_integer(at, v, to, err);
	case CONFIG_STR:
	case CONFIG_PATH:
		return set_string(at, v, to, err);
	case CONFIG_STRV:
		return set_strings(at, v, to, err);
	}
	return -EINVAL;
}

/* ---- keys and sections that nobody knows ---- */

static bool known_section(const char *name)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return true;
	return false;
}

/* "hypervisor", which only holds "hypervisor.qemu" */
static bool parent_of_section(const char *name)
{
	size_t len = strlen(name);

	for (const struct config_section *s = config_sections; s->name; s++)
		if (strncmp(s->name, name, len) == 0 && s->name[len] == '.')
			return true;
	return false;
}

static const struct config_key *find_key(const char *section, const char *key)
{
	for (const struct config_key *k = config_keys; k->key; k++)
		if (strcmp(k->section, section) == 0 && strcmp(k->key, key) == 0)
			return k;
	return NULL;
}

static int check_known(const char *file, const json_t *lines, const char *section, struct err *err);

/* One member of a section: at is its line, or the table of lines of a section below. */
static int check_member(const char *file, const json_t *at, const char *section, const char *key,
			struct err *err)
{
	_free_ char *below = NULL;
	int line = (int)json_integer_value(json_is_object(at) ? json_object_get(at, "") : at);

	if (json_is_object(at)) {
		/* ["a.b"] is one name with a dot and not [a.b]. */
		const char *quote = strchr(key, '.') ? "\"" : "";

		below = str_printf("%s%s%s%s%s", section, *section ? "." : "", quote, key, quote);
		if (!below)
			return err_errno(err, ENOMEM, "configuration");
		if (line && !known_section(below) && !parent_of_section(below))
			return err_set(err, EINVAL, "%s:%d: unknown section [%s]", file, line,
				       below);
		return check_known(file, at, below, err);
	}
	if (*key == '\0' || find_key(section, key))
		return 0;
	if (!*section)
		return err_set(err, EINVAL, "%s:%d: unknown key \"%s\" before the first section",
			       file, line, key);
	return err_set(err, EINVAL, "%s:%d: unknown key \"%s\" in [%s]", file, line, key, section);
}

/* lines is what toml.h says; depth is bounded there. */
static int check_known(const char *file, const json_t *lines, const char *section, struct err *err)
{
	const char *key;
	json_t *at;

	/* NOLINTNEXTLINE: the macro needs a non-const pointer and does not write */
	json_object_foreach((json_t *)(uintptr_t)lines, key, at) {
		int r = check_member(file, at, section, key, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the whole ---- */

/* The table of a section ("a.b"), or NULL. */
static const json_t *find_section(const json_t *root, const char *name)
{
	char part[64];

	while (root && *name) {
		size_t len = strcspn(name, ".");

		snprintf(part, sizeof(part), "%.*s", (int)len, name);
		root = json_object_get(root, part);
		name += len + (name[len] == '.');
	}
	return root;
}

static int decode(const char *file, const struct toml *t, struct moat_config *c, struct err *err)
{
	for (const struct config_key *k = config_keys; k->key; k++) {
		const json_t *v = json_object_get(find_section(t->root, k->section), k->key);
		const json_t *line = json_object_get(find_section(t->lines, k->section), k->key);
		struct place at = { .file = v ? file : NULL,
				    .line = (int)json_integer_value(line),
				    .key = k };
		_json_ json_t *fallback = NULL;
		int r = toml_parse_value(k->fallback, &fallback, err);

		if (r < 0)
			return r;
		r = set(&at, v ? v : fallback, c, err);
		if (r < 0)
			return r;
		if (v && k->unused && !json_equal(v, fallback))
			log_warn("%s:%d: %s in [%s] has no effect yet: %s", file, at.line, k->key,
				 k->section, k->unused);
	}
	return 0;
}

int config_parse(const char *name, const char *text, size_t len, struct moat_config *ret,
		 struct err *err)
{
	_cleanup_(toml_done) struct toml t = { 0 };
	_cleanup_(config_done) struct moat_config c = { 0 };
	int r = toml_parse(name, text, len, &t, err);

	if (r < 0)
		return r;
	r = check_known(name, t.lines, "", err);
	if (r < 0)
		return r;
	r = decode(name, &t, &c, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct moat_config){ 0 };
	return 0;
}

void config_done(struct moat_config *c)
{
	for (const struct config_key *k = config_keys; k->key; k++) {
		if (k->type == CONFIG_STR || k->type == CONFIG_PATH)
			free(*(char **)member(c, k));
		else if (k->type == CONFIG_STRV)
			strv_free(*(char ***)member(c, k));
	}
	free(c->source);
	*c = (struct moat_config){ 0 };
}
