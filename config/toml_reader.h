/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of TOML text, shared by toml.c (lines, keys, tables) and
 * toml_value.c (characters, strings, values). Private to them.
 */
#ifndef MOAT_CONFIG_TOML_READER_H
#define MOAT_CONFIG_TOML_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct toml_reader {
	const char *name; /* NULL: a lone value, messages without a place */
	const char *at, *end;
	int line;
	unsigned int values;
	json_t *table, *lines; /* the current table; borrowed */
	struct err *err;
};

/* "NAME:LINE: message"; returns -EINVAL. */
int toml_fail(struct toml_reader *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int toml_no_memory(struct toml_reader *p);

/* Refuses what is no text at all: control characters, invalid UTF-8. To be called before anything else. */
int toml_check_text(struct toml_reader *p);
/* The character at an offset, 0 at the end: the text itself holds no NUL. */
unsigned char toml_peek(const struct toml_reader *p, size_t offset);
bool toml_take(struct toml_reader *p, char c);
bool toml_is_bare(unsigned char c);
void toml_skip_blanks(struct toml_reader *p);
void toml_skip_comment(struct toml_reader *p); /* with the blanks before it */
bool toml_at_line_end(const struct toml_reader *p);
bool toml_skip_newline(struct toml_reader *p);
int toml_end_of_line(struct toml_reader *p); /* only a comment may follow */

/* "..." or '...', at its opening quote. */
int toml_read_string(struct toml_reader *p, char **ret);
int toml_read_value(struct toml_reader *p, json_t **ret);

#endif
