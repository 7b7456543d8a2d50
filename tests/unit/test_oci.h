/* SPDX-License-Identifier: Apache-2.0 */
/* Documents and a collector of warnings for the tests of oci/. Programs run in the top folder. */
#ifndef MOAT_TESTS_TEST_OCI_H
#define MOAT_TESTS_TEST_OCI_H

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "oci/config.h"
#include "tests/unit/unit.h"

#define DATA "tests/data/"

struct warnings {
	int n;
	size_t len;
	char text[4096]; /* one line each */
};

static inline void collect(void *data, const char *msg)
{
	struct warnings *w = data;

	w->n++;
	if (w->len < sizeof(w->text))
		w->len += (size_t)snprintf(w->text + w->len, sizeof(w->text) - w->len, "%s\n", msg);
}

/* A file of tests/data, to be freed; white space at its end is cut off. */
static inline char *data_text(const char *name, size_t *len)
{
	struct err err = { 0 };
	char path[256], *text;

	snprintf(path, sizeof(path), DATA "%s", name);
	unit_ok(io_read_file(AT_FDCWD, path, 1 << 20, &text, len, &err), &err);
	while (*len && (text[*len - 1] == '\n' || text[*len - 1] == ' '))
		text[--*len] = '\0';
	return text;
}

static inline json_t *text_json(const char *text)
{
	struct err err = { 0 };
	json_t *v = NULL;

	unit_ok(js_parse(text, strlen(text), NULL, &v, &err), &err);
	return v;
}

static inline json_t *data_json(const char *name)
{
	size_t len;
	_free_ char *text = data_text(name, &len);

	return text_json(text);
}

/* The smallest document that is accepted, with the members of patch (JSON text or NULL) laid over it. */
static inline json_t *minimal(const char *patch)
{
	static const char text[] =
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
		"\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"},"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"mount\"},"
		"{\"type\":\"uts\"},{\"type\":\"ipc\"}]}}";
	json_t *doc = text_json(text);

	if (patch) {
		_json_ json_t *p = text_json(patch);

		ck_assert_int_eq(json_object_update_recursive(doc, p), 0);
	}
	return doc;
}

#endif
