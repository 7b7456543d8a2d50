/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from QEMU's socket: framing, cut at places that the first byte chooses, and parsing of each line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/qmp_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_lines(struct qmp_lines *l)
{
	const char *line;
	size_t len;

	while (qmp_lines_next(l, &line, &len, NULL) > 0) {
		struct qmp_message m;
		struct err err = { 0 };

		if (memchr(line, '\n', len))
			abort();
		if (qmp_parse(line, len, &m, &err) < 0) {
			if (err.code == 0 || err.msg[0] == '\0')
				abort();
			continue;
		}
		if (!json_is_object(m.doc) || strlen(m.text) > len ||
		    (m.kind != QMP_EVENT && !m.body))
			abort();
		qmp_message_done(&m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qmp_lines l = { 0 };
	size_t step = size > 0 ? data[0] + 1u : 1;

	for (size_t i = 1; i < size; i += step) {
		if (qmp_lines_add(&l, data + i, size - i < step ? size - i : step, NULL) < 0)
			break;
		take_lines(&l);
	}
	qmp_lines_done(&l);
	return 0;
}
