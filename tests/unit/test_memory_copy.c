/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "monitor/memory_copy.h"
#include "tests/unit/unit.h"

#define PAGE 4096
#define CHUNK 64 /* pages that are read in one piece */
#define PAGES (4 * CHUNK + 3)
#define SIZE ((uint64_t)PAGES * PAGE)

struct copied {
	int fd;
	uint64_t bytes;
	char sum[MEMORY_SUM_SIZE];
};

static int memory(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* A page whose bytes tell where it was meant to be. */
static void put_page(int fd, unsigned int page, unsigned int pattern)
{
	unsigned char data[PAGE];

	for (unsigned int i = 0; i < PAGE; i++)
		data[i] = (unsigned char)(pattern * 31 + i % 251 + 1);
	ck_assert_int_eq(io_write_at(fd, data, PAGE, (off_t)page * PAGE), 0);
}

static void put_zeros(int fd, unsigned int page)
{
	static const char zeros[PAGE];

	ck_assert_int_eq(io_write_at(fd, zeros, PAGE, (off_t)page * PAGE), 0);
}

static struct copied copy(int from, uint64_t size)
{
	struct copied c = { .fd = memory(size), .bytes = 77 };
	struct memory_sum *sum;
	struct err err = {};

	unit_ok(memory_sum_new(&sum, &err), &err);
	unit_ok(memory_copy(from, c.fd, size, sum, &c.bytes, &err), &err);
	memory_sum_text(sum, c.sum);
	memory_sum_free(sum);
	ck_assert_uint_eq(strspn(c.sum, "0123456789abcdef"), MEMORY_SUM_SIZE - 1);
	return c;
}

static void same(int a, int b, uint64_t size)
{
	char x[PAGE], y[PAGE];

	for (uint64_t at = 0; at < size; at += PAGE) {
		ck_assert_int_eq(io_read_at(a, x, PAGE, (off_t)at), 0);
		ck_assert_int_eq(io_read_at(b, y, PAGE, (off_t)at), 0);
		ck_assert_msg(memcmp(x, y, PAGE) == 0, "page %llu differs",
			      (unsigned long long)(at / PAGE));
	}
}

static uint64_t pages_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512 / PAGE;
}

/* Copies these pages; as many are written, and no other. */
static void check_pages(const unsigned int *pages, unsigned int n)
{
	_close_ int from = memory(SIZE);

	for (unsigned int i = 0; i < n; i++)
		put_page(from, pages[i], i);
	struct copied c = copy(from, SIZE);
	same(from, c.fd, SIZE);
	ck_assert_uint_eq(c.bytes, n * PAGE);
	ck_assert_uint_eq(pages_of(c.fd), n);
	close(c.fd);
}

#define CHECK_PAGES(...)                                   \
	check_pages((const unsigned int[]){ __VA_ARGS__ }, \
		    sizeof((const unsigned int[]){ __VA_ARGS__ }) / sizeof(unsigned int))

START_TEST(holes_and_chunk_borders)
{
	_close_ int empty = memory(SIZE);
	struct copied c = copy(empty, SIZE);

	ck_assert_uint_eq(c.bytes, 0);
	ck_assert_uint_eq(pages_of(c.fd), 0);
	close(c.fd);
	CHECK_PAGES(0);
	CHECK_PAGES(PAGES - 1);
	CHECK_PAGES(0, 2, 4, PAGES - 1);
	/* Across the borders of chunks that begin at a multiple, */
	CHECK_PAGES(0, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK);
	/* and of such that begin where a hole ends. */
	CHECK_PAGES(5, 6, 5 + CHUNK - 1, 5 + CHUNK, 5 + CHUNK + 1);
	CHECK_PAGES(CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1);
}
END_TEST

START_TEST(everything_is_data)
{
	unsigned int all[PAGES];

	for (unsigned int i = 0; i < PAGES; i++)
		all[i] = i;
	check_pages(all, PAGES);
}
END_TEST

START_TEST(pages_of_zeros_become_holes)
{
	_close_ int from = memory(SIZE), bytes = memory(SIZE);

	for (unsigned int i = 0; i < PAGES; i++)
		put_zeros(from, i);
	ck_assert_uint_eq(pages_of(from), PAGES);
	struct copied c = copy(from, SIZE);
	ck_assert_uint_eq(c.bytes, 0);
	ck_assert_uint_eq(pages_of(c.fd), 0);
	close(c.fd);
	/* A single byte makes the difference, wherever in the page it is. */
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(io_write_at(bytes, "x", 1, i * PAGE + i * (PAGE - 1) / 2), 0);
	c = copy(bytes, SIZE);
	same(bytes, c.fd, SIZE);
	ck_assert_uint_eq(c.bytes, 3 * PAGE);
	close(c.fd);
}
END_TEST

/* On the file system of TMPDIR, whose holes may be of another size */
START_TEST(from_and_to_a_disk)
{
	char *dir = unit_mkdtemp();
	_free_ char *path = path_join(dir, "memory");
	int disk = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_close_ int from = memory(SIZE);
	struct memory_sum *sum;
	char text[MEMORY_SUM_SIZE];
	struct err err = {};

	ck_assert_int_eq(ftruncate(disk, (off_t)SIZE), 0);
	put_page(from, 3, 1);
	put_page(from, CHUNK + 1, 2);
	put_page(from, PAGES - 1, 3);
	unit_ok(memory_sum_new(&sum, &err), &err);
	unit_ok(memory_copy(from, disk, SIZE, sum, NULL, &err), &err);
	memory_sum_text(sum, text);
	memory_sum_free(sum);
	struct copied c = copy(disk, SIZE);
	same(from, c.fd, SIZE);
	ck_assert_str_eq(c.sum, text);
	close(c.fd);
	close(disk);
	unit_rmdir(dir);
}
END_TEST

static void sum_of(int fd, uint64_t size, char ret[MEMORY_SUM_SIZE])
{
	struct copied c = copy(fd, size);

	memcpy(ret, c.sum, MEMORY_SUM_SIZE);
	close(c.fd);
}

START_TEST(the_sum)
{
	char first[MEMORY_SUM_SIZE], other[MEMORY_SUM_SIZE];
	_close_ int a = memory(SIZE), b = memory(SIZE), empty = memory(SIZE);

	put_page(a, 1, 1);
	put_page(a, 2, 2);
	sum_of(a, SIZE, first);
	sum_of(a, SIZE, other);
	ck_assert_str_eq(first, other);
	sum_of(empty, SIZE, other);
	ck_assert_str_ne(first, other);

	/* Not how the holes lie: */
	put_page(b, 1, 1);
	put_page(b, 2, 2);
	for (unsigned int i = 3; i < PAGES; i += 2)
		put_zeros(b, i);
	put_zeros(b, 0);
	sum_of(b, SIZE, other);
	ck_assert_str_eq(first, other);

	/* but the place, */
	put_page(b, 1, 2);
	put_page(b, 2, 1);
	sum_of(b, SIZE, other);
	ck_assert_str_ne(first, other);
	put_page(b, 1, 1);
	put_zeros(b, 2);
	put_page(b, 3, 2);
	sum_of(b, SIZE, other);
	ck_assert_str_ne(first, other);
	put_zeros(b, 3);
	put_page(b, 2, 2);
	sum_of(b, SIZE, other);
	ck_assert_str_eq(first, other);

	/* each byte, and a page more or less. */
	ck_assert_int_eq(io_write_at(b, "\xff", 1, 3 * PAGE - 1), 0);
	sum_of(b, SIZE, other);
	ck_assert_str_ne(first, other);
	put_page(b, 2, 2);
	ck_assert_int_eq(io_write_at(b, "\x01", 1, (off_t)SIZE - 1), 0);
	sum_of(b, SIZE, other);
	ck_assert_str_ne(first, other);
	put_zeros(b, PAGES - 1);
	put_zeros(b, 2);
	sum_of(b, SIZE, other);
	ck_assert_str_ne(first, other);
}
END_TEST

START_TEST(a_source_of_another_size)
{
	_close_ int from = memory(SIZE), to = memory(SIZE);
	char first[MEMORY_SUM_SIZE], other[MEMORY_SUM_SIZE];
	struct memory_sum *sum;
	struct err err = {};

	put_page(from, 0, 1);
	put_page(from, PAGES - 1, 2);
	sum_of(from, SIZE, first);
	/* What is beyond is nobody's. */
	sum_of(from, SIZE - PAGE, other);
	ck_assert_str_ne(first, other);
	/* Half a page is none. */
	ck_assert_int_eq(ftruncate(from, (off_t)SIZE - PAGE / 2), 0);
	unit_ok(memory_sum_new(&sum, &err), &err);
	unit_fails(memory_copy(from, to, SIZE, sum, NULL, &err), ESTALE, &err, "truncated");
	memory_sum_free(sum);
	/* Whole pages less look like a hole: that is what the sum is for. */
	ck_assert_int_eq(ftruncate(from, (off_t)SIZE - PAGE), 0);
	sum_of(from, SIZE, other);
	ck_assert_str_ne(first, other);
	ck_assert_int_eq(ftruncate(from, 0), 0);
	sum_of(from, SIZE, other);
	ck_assert_str_ne(first, other);
}
END_TEST

static void copy_fails(int from, int to, int code, const char *part)
{
	struct memory_sum *sum;
	struct err err = {};
	uint64_t bytes = 77;

	unit_ok(memory_sum_new(&sum, &err), &err);
	unit_fails(memory_copy(from, to, SIZE, sum, &bytes, &err), code, &err, part);
	ck_assert_uint_eq(bytes, 77);
	memory_sum_free(sum);
}

START_TEST(errors)
{
	_close_ int from = memory(SIZE), to = memory(SIZE);
	_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit lim = { (rlim_t)PAGE * CHUNK, RLIM_INFINITY };
	int p[2];

	put_page(from, 1, 1);
	put_page(from, 2 * CHUNK, 2);
	copy_fails(from, full, ENOSPC, "write the memory of a guest: no space");
	copy_fails(from, null, EBADF, "write the memory of a guest");
	copy_fails(-1, to, EBADF, "look for the memory's data");
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	copy_fails(p[0], to, ESPIPE, "look for the memory's data");
	close(p[0]);
	close(p[1]);
	/* Full in the middle */
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	copy_fails(from, to, EFBIG, "write the memory of a guest: file too large");
}
END_TEST

/* The sum of two files, one after the other */
static void sum_files(const char *a, const char *b, char ret[MEMORY_SUM_SIZE])
{
	_close_ int x = memory(0), y = memory(0);
	struct memory_sum *sum;
	struct err err = {};

	ck_assert_int_eq(io_write_all(x, a, strlen(a)), 0);
	ck_assert_int_eq(io_write_all(y, b, strlen(b)), 0);
	unit_ok(memory_sum_new(&sum, &err), &err);
	unit_ok(memory_sum_file(x, 100, sum, &err), &err);
	unit_ok(memory_sum_file(y, 100, sum, &err), &err);
	memory_sum_text(sum, ret);
	memory_sum_free(sum);
}

START_TEST(whole_files)
{
	char first[MEMORY_SUM_SIZE], other[MEMORY_SUM_SIZE];
	_close_ int big = memory(100001);
	struct memory_sum *sum;
	struct err err = {};

	/* Wherever the position is, and with its length */
	sum_files("ab", "c", first);
	sum_files("ab", "c", other);
	ck_assert_str_eq(first, other);
	sum_files("a", "bc", other);
	ck_assert_str_ne(first, other);
	sum_files("", "abc", other);
	ck_assert_str_ne(first, other);
	sum_files("ab", "d", other);
	ck_assert_str_ne(first, other);
	unit_ok(memory_sum_new(&sum, &err), &err);
	unit_ok(memory_sum_file(big, 100001, sum, &err), &err);
	unit_fails(memory_sum_file(big, 100000, sum, &err), EFBIG, &err, "100000 bytes");
	unit_fails(memory_sum_file(-1, 1, sum, &err), EBADF, &err, "read the state");
	memory_sum_free(sum);
	memory_sum_free(NULL);
}
END_TEST

UNIT_MAIN("memory_copy", holes_and_chunk_borders, everything_is_data, pages_of_zeros_become_holes,
	  from_and_to_a_disk, the_sum, a_source_of_another_size, errors, whole_files)
