/* SPDX-License-Identifier: Apache-2.0 */
/* The sample file and the manual page's list of keys, both from the table of keys. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/keys.h"

#define WIDTH 88 /* columns of the sample */

/* The text in lines that begin with "# ". */
static void put_comment(struct buf *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > WIDTH) {
			buf_puts(out, "\n");
			column = 0;
		}
		buf_puts(out, column ? " " : "# ");
		buf_append(out, text, len);
		column += len + (column ? 1 : 2);
		text += len + (text[len] == ' ');
	}
	buf_puts(out, "\n");
}

void config_write_sample(struct buf *out)
{
	buf_puts(out,
		 "# Configuration of moat: a sample of " CONFIG_FILE
		 ", see moat-configuration.toml(5).\n"
		 "# Every key is shown with its default. The file must belong to root and be writable by\n"
		 "# nobody else.\n");
	for (const struct config_section *s = config_sections; s->name; s++) {
		buf_puts(out, "\n");
		put_comment(out, s->doc);
		buf_printf(out, "[%s]\n", s->name);
		for (const struct config_key *k = config_keys; k->key; k++) {
			if (strcmp(k->section, s->name) != 0)
				continue;
			buf_puts(out, "\n");
			put_comment(out, k->doc);
			if (k->unused)
				buf_printf(out, "# Not used: %s.\n", k->unused);
			buf_printf(out, "#%s = %s\n", k->key, k->fallback);
		}
	}
}

/* Text for roff: its escape character, hyphens, and a control character at the start of a line. */
static void put_roff(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buf_puts(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buf_puts(out, "\\e");
		else if (*text == '-')
			buf_puts(out, "\\-");
		else if (*text == '\'')
			buf_puts(out, "\\(aq");
		else
			buf_append(out, text, 1);
	}
}

static void put_type(struct buf *out, const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_BOOL:
		buf_puts(out, "boolean");
		break;
	case CONFIG_INT:
		buf_printf(out, "integer, %u to %u", (unsigned int)k->min, (unsigned int)k->max);
		break;
	case CONFIG_STR:
		buf_puts(out, "string");
		break;
	case CONFIG_PATH:
		buf_puts(out, "path");
		break;
	case CONFIG_STRV:
		buf_puts(out, "array of strings");
		break;
	}
}

void config_write_man_keys(struct buf *out)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		buf_printf(out, ".SS [%s]\n", s->name);
		put_roff(out, s->doc);
		buf_puts(out, "\n");
		for (const struct config_key *k = config_keys; k->key; k++) {
			if (strcmp(k->section, s->name) != 0)
				continue;
			buf_puts(out, ".TP\n.BR ");
			put_roff(out, k->key);
			buf_puts(out, " \" (");
			put_type(out, k);
			buf_puts(out, ")\"\n");
			put_roff(out, k->doc);
			for (const char *const *w = k->words; w && *w; w++) {
				buf_puts(out, w == k->words ? "\nOne of " : ", ");
				buf_puts(out, "\\(dq");
				put_roff(out, *w);
				buf_puts(out, "\\(dq");
			}
			buf_puts(out, k->words ? ".\n" : "\n");
			if (k->unused) {
				buf_puts(out, "Not used: ");
				put_roff(out, k->unused);
				buf_puts(out, ".\n");
			}
			buf_puts(out, ".br\nDefault: ");
			put_roff(out, k->fallback);
			buf_puts(out, ".\n");
		}
	}
}
