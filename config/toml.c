/* SPDX-License-Identifier: Apache-2.0 */
#include "config/toml.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "config/toml_reader.h"

static int parse_key(struct toml_reader *p, char **ret)
{
	const char *start = p->at;

	if (toml_peek(p, 0) == '"' || toml_peek(p, 0) == '\'') {
		int r = toml_read_string(p, ret);
		if (r < 0)
			return r;
		for (const char *c = *ret; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				return toml_fail(p, "control character in a key");
	} else {
		while (toml_is_bare(toml_peek(p, 0)))
			p->at++;
		*ret = strndup(start, (size_t)(p->at - start));
		if (!*ret)
			return toml_no_memory(p);
	}
	return **ret ? 0 : toml_fail(p, "a name is missing");
}

static int line_of(const json_t *lines, const char *key)
{
	return (int)json_integer_value(json_object_get(lines, key));
}

/* Goes down to the table called key, which is made if need be. */
static int enter_table(struct toml_reader *p, const char *key)
{
	json_t *table = json_object_get(p->table, key);

	if (table && !json_is_object(table))
		return toml_fail(p, "\"%s\" is a key already (line %d)", key,
				 line_of(p->lines, key));
	if (!table && (json_object_set_new(p->table, key, json_object()) < 0 ||
		       json_object_set_new(p->lines, key, json_object()) < 0))
		return toml_no_memory(p);
	p->table = json_object_get(p->table, key);
	p->lines = json_object_get(p->lines, key);
	return 0;
}

static int parse_header(struct toml_reader *p, struct toml *t)
{
	int depth = 0;

	p->at++;
	if (toml_peek(p, 0) == '[')
		return toml_fail(p, "arrays of tables are not supported");
	p->table = t->root;
	p->lines = t->lines;
	do {
		_free_ char *key = NULL;

		toml_skip_blanks(p);
		int r = parse_key(p, &key);
		if (r < 0)
			return r;
		if (++depth > TOML_MAX_DEPTH)
			return toml_fail(p, "more than %d names in a section", TOML_MAX_DEPTH);
		r = enter_table(p, key);
		if (r < 0)
			return r;
		toml_skip_blanks(p);
	} while (toml_take(p, '.'));
	if (!toml_take(p, ']'))
		return toml_fail(p, "a section without its closing ]");
	if (line_of(p->lines, ""))
		return toml_fail(p, "this section is there already (line %d)",
				 line_of(p->lines, ""));
	if (++p->values > TOML_MAX_VALUES)
		return toml_fail(p, "more than %d values", TOML_MAX_VALUES);
	if (json_object_set_new(p->lines, "", json_integer(p->line)) < 0)
		return toml_no_memory(p);
	return toml_end_of_line(p);
}

static int parse_pair(struct toml_reader *p)
{
	_free_ char *key = NULL;
	json_t *value = NULL;
	int line = p->line;
	int r = parse_key(p, &key);

	if (r < 0)
		return r;
	toml_skip_blanks(p);
	if (toml_peek(p, 0) == '.')
		return toml_fail(p, "dotted keys are not supported: use a [section]");
	if (!toml_take(p, '='))
		return toml_fail(p, "= is missing behind \"%s\"", key);
	if (json_is_object(json_object_get(p->table, key)))
		return toml_fail(p, "\"%s\" is a section already", key);
	if (json_object_get(p->table, key))
		return toml_fail(p, "\"%s\" is there already (line %d)", key,
				 line_of(p->lines, key));
	toml_skip_blanks(p);
	r = toml_read_value(p, &value);
	if (r < 0)
		return r;
	if (json_object_set_new(p->table, key, value) < 0 ||
	    json_object_set_new(p->lines, key, json_integer(line)) < 0)
		return toml_no_memory(p);
	return toml_end_of_line(p);
}

int toml_parse(const char *name, const char *text, size_t len, struct toml *ret, struct err *err)
{
	struct toml_reader p = { .name = name, .at = text, .end = text + len, .line = 1, .err = err };
	_cleanup_(toml_done) struct toml t = { .root = json_object(), .lines = json_object() };
	int r;

	if (!t.root || !t.lines)
		return toml_no_memory(&p);
	r = toml_check_text(&p);
	if (r < 0)
		return r;
	p.table = t.root;
	p.lines = t.lines;
	do {
		toml_skip_comment(&p);
		if (toml_at_line_end(&p))
			continue;
		r = *p.at == '[' ? parse_header(&p, &t) : parse_pair(&p);
		if (r < 0)
			return r;
	} while (toml_skip_newline(&p));
	ret->root = take_ptr(t.root);
	ret->lines = take_ptr(t.lines);
	return 0;
}

int toml_parse_value(const char *text, json_t **ret, struct err *err)
{
	struct toml_reader p = { .at = text, .end = text + strlen(text), .line = 1, .err = err };
	_json_ json_t *v = NULL;
	int r = toml_check_text(&p);

	if (r < 0)
		return r;
	r = toml_read_value(&p, &v);
	if (r < 0)
		return r;
	r = toml_end_of_line(&p);
	if (r < 0)
		return r;
	if (p.at != p.end)
		return toml_fail(&p, "more than one line");
	*ret = take_ptr(v);
	return 0;
}

void toml_done(struct toml *t)
{
	json_decref(t->root);
	json_decref(t->lines);
	*t = (struct toml){ 0 };
}
