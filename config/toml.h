/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict subset of TOML 1.0: tables ([a.b]), bare and quoted keys, basic
 * and literal strings on one line, integers, booleans, arrays of these (over
 * several lines, too) and comments. The rest of TOML is refused with a message that names it.
 * A key or table that occurs twice, an empty key and a NUL in a string are errors.
 */
#ifndef MOAT_CONFIG_TOML_H
#define MOAT_CONFIG_TOML_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define TOML_MAX_DEPTH 8 /* names in [a.b.c] */
#define TOML_MAX_VALUES 10000 /* keys and elements in a document */

struct toml {
	json_t *root; /* tables are objects */
	json_t *lines; /* the same tables; a key's value is its line, "" is the line of the table's own header */
};

/* name is the file's for messages: "NAME:LINE: what". *ret is untouched on failure. */
int toml_parse(const char *name, const char *text, size_t len, struct toml *ret, struct err *err);
/* One value, as it stands behind "=". *ret is the caller's. */
int toml_parse_value(const char *text, json_t **ret, struct err *err);
void toml_done(struct toml *t);

#endif
