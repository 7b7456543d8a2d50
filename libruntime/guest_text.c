/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/guest_text.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

const char *guest_text(const json_t *files, const char *name)
{
	const char *s = js_get_str(files, name);

	return s ? s : "";
}

bool guest_text_line(const char **text, char *buf, size_t size)
{
	size_t n = strcspn(*text, "\n");

	if (!**text)
		return false;
	snprintf(buf, size, "%.*s", (int)(n < size ? n : size - 1), *text);
	*text += n + ((*text)[n] == '\n');
	return true;
}
