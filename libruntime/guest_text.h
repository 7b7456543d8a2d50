/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that a guest has sent, files of its /proc and of its cgroups by name: anything may be in them. */
#ifndef MOAT_LIBRUNTIME_GUEST_TEXT_H
#define MOAT_LIBRUNTIME_GUEST_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* files: an object, name to text. Borrowed from it; "" if there is no such text. */
const char *guest_text(const json_t *files, const char *name);
/* The next line of *text into buf, cut to size; false at the end. */
bool guest_text_line(const char **text, char *buf, size_t size);

#endif
