/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of configuration keys: private to config/ and its tests.
 */
#ifndef MOAT_CONFIG_KEYS_H
#define MOAT_CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum config_type { CONFIG_BOOL, CONFIG_INT, CONFIG_STR, CONFIG_PATH, CONFIG_STRV };

struct config_key {
	const char *section, *key;
	enum config_type type;
	size_t offset; /* in struct moat_config: bool, uint32_t, char *, char *, char ** */
	const char *fallback; /* the default as it would be written in the file */
	const char *doc; /* sentences for sample and manual page */
	uint32_t min,
		max; /* CONFIG_INT; for CONFIG_STR max is the longest string in bytes, 0: 4096 */
	const char *const *words; /* CONFIG_STR: the possible values, NULL-terminated */
	const char *refused,
		*why; /* CONFIG_STR: a value that Kata has and that cannot be had here; NULL: none */
	const char *unused; /* not NULL: accepted, without effect; why */
};

struct config_section {
	const char *name, *doc;
};

extern const struct config_section config_sections[]; /* ends with a NULL name */
extern const struct config_key config_keys[]; /* by section; ends with a NULL key */

#endif
