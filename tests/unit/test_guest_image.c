/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/guest_image.h"
#include "tests/unit/unit.h"

static char *dir;

static char *put(const char *name, const void *data, size_t len)
{
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = {};

	unit_ok(io_write_file(fd, name, data, len, 0644, false, &err), &err);
	return path_join(dir, name);
}

static void puts_(const char *name, const char *text)
{
	free(put(name, text, strlen(text)));
}

static struct guest_kernel kernel(const void *data, size_t len)
{
	_free_ char *path = put("vmlinux", data, len);
	struct guest_kernel k = {};
	struct err err = {};

	unit_ok(guest_kernel_read(path, dir, &k, &err), &err);
	return k;
}

#define ELF "\177ELF...%s version %s...Linux version %s (%s)...Linux version 6.12.1-tuned (gcc)\n"

START_TEST(elf)
{
	struct guest_kernel k;

	dir = unit_mkdtemp();
	k = kernel(ELF, sizeof(ELF));
	ck_assert_str_eq(k.kind, "ELF");
	ck_assert_str_eq(k.release, "6.12.1-tuned");
	ck_assert_ptr_null(k.package);
	ck_assert_ptr_null(k.config);
	ck_assert_int_eq(guest_kernel_option(&k, "TUN"), 0);
	guest_kernel_done(&k);
	k = kernel("\177ELF Linux version 6", 20);
	ck_assert_str_eq(k.release, "6");
	guest_kernel_done(&k);
	k = kernel("\177ELF Linux version ", 19);
	ck_assert_str_eq(k.kind, "ELF");
	ck_assert_ptr_null(k.release);
	guest_kernel_done(&k);
	unit_rmdir(dir);
}
END_TEST

START_TEST(bzimage)
{
	unsigned char b[0x400] = {};
	struct guest_kernel k;

	dir = unit_mkdtemp();
	memcpy(b + 0x202, "HdrS", 4);
	b[0x20e] = 0x80;
	memcpy(b + 0x280, "6.1.0-9-amd64 (debian) #1", 26);
	k = kernel(b, sizeof(b));
	ck_assert_str_eq(k.kind, "bzImage");
	ck_assert_str_eq(k.release, "6.1.0-9-amd64");
	guest_kernel_done(&k);
	b[0x20f] = 0xff; /* outside of the file */
	k = kernel(b, sizeof(b));
	ck_assert_str_eq(k.kind, "bzImage");
	ck_assert_ptr_null(k.release);
	guest_kernel_done(&k);
	b[0x202] = 'X';
	k = kernel(b, sizeof(b));
	ck_assert_ptr_null(k.kind);
	guest_kernel_done(&k);
	k = kernel("", 0);
	ck_assert_ptr_null(k.kind);
	guest_kernel_done(&k);
	unit_rmdir(dir);
}
END_TEST

START_TEST(manifest)
{
	_free_ char *text = str_printf("kernel_release=6.12.2-cloud\nkernel_package=linux 6.12.2-1\n"
				       "vmlinux_bytes=%zu\ninitramfs_bytes=7\n",
				       sizeof(ELF));
	struct guest_kernel k;

	dir = unit_mkdtemp();
	puts_("manifest", text);
	k = kernel(ELF, sizeof(ELF));
	ck_assert_str_eq(k.release, "6.12.2-cloud");
	ck_assert_str_eq(k.package, "linux 6.12.2-1");
	guest_kernel_done(&k);
	/* It is about another kernel. */
	k = kernel(ELF "x", sizeof(ELF) + 1);
	ck_assert_str_eq(k.release, "6.12.1-tuned");
	ck_assert_ptr_null(k.package);
	guest_kernel_done(&k);
	puts_("manifest", "kernel_release=\nvmlinux_bytes=-1\nnonsense");
	k = kernel(ELF, sizeof(ELF));
	ck_assert_str_eq(k.release, "6.12.1-tuned");
	guest_kernel_done(&k);
	unit_rmdir(dir);
}
END_TEST

START_TEST(configuration)
{
	static const char text[] = "#\n# Linux/x86 6.12.1 Kernel Configuration\n#\nCONFIG_A=y\n"
				   "# CONFIG_B is not set\nCONFIG_C=m\nCONFIG_NR=64\nCONFIG_S=\"\"\n";
	struct guest_kernel k;
	struct err err = {};

	dir = unit_mkdtemp();
	puts_("config-6.12.1-tuned", text);
	k = kernel(ELF, sizeof(ELF));
	ck_assert(str_has_suffix(k.config_file, "/config-6.12.1-tuned"));
	ck_assert_int_eq(guest_kernel_option(&k, "A"), 'y');
	ck_assert_int_eq(guest_kernel_option(&k, "B"), 'n');
	ck_assert_int_eq(guest_kernel_option(&k, "C"), 'm');
	ck_assert_int_eq(guest_kernel_option(&k, "NR"), 'y');
	ck_assert_int_eq(guest_kernel_option(&k, "N"), 'n');
	guest_kernel_done(&k);
	/* The kernel's own name is looked for first, and another version is not believed. */
	puts_("vmlinux.config", "# Linux/x86 6.12.10 Kernel Configuration\nCONFIG_A=y\n");
	k = kernel(ELF, sizeof(ELF));
	ck_assert(str_has_suffix(k.config_file, "/config-6.12.1-tuned"));
	guest_kernel_done(&k);
	puts_("vmlinux.config", "# Linux/x86 6.12 Kernel Configuration\nCONFIG_A=y\n");
	k = kernel(ELF, sizeof(ELF));
	ck_assert(str_has_suffix(k.config_file, "/config-6.12.1-tuned"));
	guest_kernel_done(&k);
	puts_("vmlinux.config", "CONFIG_B=y\n");
	k = kernel(ELF, sizeof(ELF));
	ck_assert(str_has_suffix(k.config_file, "/vmlinux.config"));
	ck_assert_int_eq(guest_kernel_option(&k, "A"), 'n');
	ck_assert_int_eq(guest_kernel_option(&k, "B"), 'y');
	guest_kernel_done(&k);
	unit_rmdir(dir);
	dir = unit_mkdtemp();
	_free_ char *modules = path_join(dir, "lib/modules/6.12.1-tuned");
	unit_ok(path_mkdirs(modules, 0755, &err), &err);
	puts_("lib-config", text);
	_free_ char *from = path_join(dir, "lib-config"), *to = path_join(modules, "config");
	ck_assert_int_eq(rename(from, to), 0);
	k = kernel(ELF, sizeof(ELF));
	ck_assert_str_eq(k.config_file, to);
	guest_kernel_done(&k);
	unit_rmdir(dir);
}
END_TEST

START_TEST(kernel_errors)
{
	struct guest_kernel k = {};
	struct err err = {};

	unit_fails(guest_kernel_read("/nonexistent/k", "", &k, &err), ENOENT, &err,
		   "'/nonexistent/k'");
	unit_fails(guest_kernel_read("k", "", &k, &err), EINVAL, &err, "not an absolute path");
	ck_assert_ptr_null(k.kind);
}
END_TEST

/* ---- initramfs ---- */

static void entry(struct buf *b, const char *name, const char *content)
{
	size_t len = strlen(content);

	buf_printf(b, "070701%08x%08x%08x%08x%08x%08x%08zX%08x%08x%08x%08x%08zx%08x", 1, 0100644, 0,
		   0, 1, 0, len, 0, 0, 0, 0, strlen(name) + 1, 0);
	buf_append(b, name, strlen(name) + 1);
	while (b->len % 4)
		buf_append(b, "", 1);
	buf_append(b, content, len);
	while (b->len % 4)
		buf_append(b, "", 1);
}

static int initramfs(const struct buf *b, size_t len, struct guest_initramfs *ret, struct err *err)
{
	_free_ char *path = put("initramfs", b->data, len);

	*ret = (struct guest_initramfs){};
	return guest_initramfs_read(path, ret, err);
}

START_TEST(archive)
{
	_buf_ struct buf b = {};
	struct guest_initramfs i;
	struct err err = {};

	dir = unit_mkdtemp();
	entry(&b, "./init", "program of an odd length");
	entry(&b, "lib/order", "");
	entry(&b, "TRAILER!!!", "");
	unit_ok(initramfs(&b, b.len, &i, &err), &err);
	ck_assert(i.complete);
	ck_assert_uint_eq(strv_len(i.names), 2);
	ck_assert(guest_initramfs_has(&i, "init") && guest_initramfs_has(&i, "lib/order"));
	ck_assert(!guest_initramfs_has(&i, "lib") && !guest_initramfs_has(&i, "TRAILER!!!"));
	guest_initramfs_done(&i);
	buf_append(&b, "\0\0\0\0", 4);
	unit_ok(initramfs(&b, b.len, &i, &err), &err);
	ck_assert(i.complete);
	guest_initramfs_done(&i);
	/* Something else follows, as in the ones of distributions. */
	buf_append(&b, "\x1f\x8b", 2);
	unit_ok(initramfs(&b, b.len, &i, &err), &err);
	ck_assert(!i.complete);
	ck_assert(guest_initramfs_has(&i, "init"));
	guest_initramfs_done(&i);
	unit_rmdir(dir);
}
END_TEST

START_TEST(archive_damaged)
{
	_buf_ struct buf b = {};
	struct guest_initramfs i;
	struct err err = {};

	dir = unit_mkdtemp();
	entry(&b, "init", "program");
	entry(&b, "TRAILER!!!", "");
	for (size_t len = 6; len < b.len - 1; len++)
		ck_assert_int_eq(initramfs(&b, len, &i, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.msg, "cut short or damaged"));
	for (size_t at = 6; at < b.len; at++) {
		char was = b.data[at];

		b.data[at] = (char)0xff;
		(void)initramfs(&b, b.len, &i, &err); /* whatever it says: sanitizers look on */
		guest_initramfs_done(&i);
		b.data[at] = 'f';
		(void)initramfs(&b, b.len, &i, &err);
		guest_initramfs_done(&i);
		b.data[at] = was;
	}
	unit_ok(initramfs(&b, 0, &i, &err), &err);
	ck_assert_ptr_null(i.names);
	memcpy(b.data, "\x1f\x8b", 2);
	unit_ok(initramfs(&b, b.len, &i, &err), &err);
	ck_assert_ptr_null(i.names);
	unit_fails(guest_initramfs_read("/nonexistent", &i, &err), ENOENT, &err, "'/nonexistent'");
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("guest_image", elf, bzimage, manifest, configuration, kernel_errors, archive,
	  archive_damaged)
