/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"

struct journal {
	int fd;
	size_t written, limit;
	char tail[JOURNAL_TAIL]; /* ring */
	size_t head, len;
};

int journal_open(int dirfd, const char *name, struct journal **ret, struct err *err)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return err_errno(err, ENOMEM, "log %s", name);
	j->fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (j->fd < 0) {
		int code = errno;

		free(j);
		return err_errno(err, code, "create '%s'", name);
	}
	j->limit = JOURNAL_FILE_MAX;
	*ret = j;
	return 0;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	fd_close(j->fd);
	free(j);
}

void journal_limit(struct journal *j, size_t bytes)
{
	j->limit = bytes;
}

static void remember(struct journal *j, const char *data, size_t len)
{
	size_t i;

	if (len > JOURNAL_TAIL) {
		data += len - JOURNAL_TAIL;
		len = JOURNAL_TAIL;
	}
	for (i = 0; i < len; i++) {
		j->tail[j->head] = data[i];
		j->head = (j->head + 1) % JOURNAL_TAIL;
	}
	j->len = j->len + len > JOURNAL_TAIL ? JOURNAL_TAIL : j->len + len;
}

void journal_write(struct journal *j, const void *data, size_t len)
{
	static const char full[] = "\n[log is full]\n";

	if (!j)
		return;
	remember(j, data, len);
	if (j->written >= j->limit)
		return;
	/* A full disk loses log lines, never the container. */
	if (len > j->limit - j->written)
		len = j->limit - j->written;
	(void)io_write_all(j->fd, data, len);
	j->written += len;
	if (j->written >= j->limit)
		(void)io_write_all(j->fd, full, sizeof(full) - 1);
}

size_t journal_tail(const struct journal *j, char *out, size_t size)
{
	size_t start, i, o = 0;
	bool gap = false;

	if (!j || size == 0)
		return 0;
	/* Whatever does not fit is cut from the front: the last words say why a guest died. */
	start = j->len > size - size / 4 ? j->len - (size - size / 4) : 0;
	for (i = start; i < j->len && o + 4 < size; i++) {
		char c = j->tail[(j->head + JOURNAL_TAIL - j->len + i) % JOURNAL_TAIL];

		if (c == '\n' || c == '\r') {
			gap = o > 0;
			continue;
		}
		if (c < ' ' || c > '~')
			continue;
		if (gap) {
			memcpy(out + o, " | ", 3);
			o += 3;
			gap = false;
		}
		out[o++] = c;
	}
	out[o < size ? o : size - 1] = '\0';
	return o;
}
