/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "monitor/journal.h"
#include "tests/unit/unit.h"

static char *dir;
static int dir_fd;

static struct journal *open_one(void)
{
	struct journal *j = NULL;
	struct err err = {};

	dir = unit_mkdtemp();
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unit_ok(journal_open(dir_fd, "log", &j, &err), &err);
	return j;
}

static void close_one(struct journal *j)
{
	journal_free(j);
	close(dir_fd);
	unit_rmdir(dir);
}

START_TEST(tail_is_one_clean_line)
{
	struct journal *j = open_one();
	static const char text[] = "first\r\n\n\x1b[31msecond\x01\nlast\n";
	char out[256];

	journal_write(j, text, sizeof(text) - 1);
	journal_tail(j, out, sizeof(out));
	ck_assert_str_eq(out, "first | [31msecond | last");
	close_one(j);
}
END_TEST

START_TEST(tail_keeps_the_end)
{
	struct journal *j = open_one();
	char big[5000], out[64];

	memset(big, 'x', sizeof(big));
	memcpy(big + sizeof(big) - 5, "\nend!", 5);
	journal_write(j, big, sizeof(big));
	journal_tail(j, out, sizeof(out));
	ck_assert_uint_lt(strlen(out), sizeof(out));
	ck_assert_str_eq(out + strlen(out) - 7, " | end!");
	journal_tail(j, out, 1);
	ck_assert_str_eq(out, "");
	close_one(j);
}
END_TEST

START_TEST(file_is_bounded)
{
	struct journal *j = open_one();
	char block[4096];
	struct stat st;
	int i;

	memset(block, 'a', sizeof(block));
	for (i = 0; i < 1000; i++)
		journal_write(j, block, sizeof(block));
	ck_assert_int_eq(fstatat(dir_fd, "log", &st, 0), 0);
	ck_assert_uint_ge(st.st_size, JOURNAL_FILE_MAX);
	ck_assert_uint_lt(st.st_size, JOURNAL_FILE_MAX + 100);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	close_one(j);
}
END_TEST

START_TEST(no_file_is_reused)
{
	struct journal *j = open_one(), *again = NULL;
	struct err err = {};

	unit_fails(journal_open(dir_fd, "log", &again, &err), EEXIST, &err, "log");
	close_one(j);
}
END_TEST

UNIT_MAIN("monitor_journal", tail_is_one_clean_line, tail_keeps_the_end, file_is_bounded,
	  no_file_is_reused)
