/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/guest_image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"
#include "base/str.h"

#define MANIFEST_MAX ((size_t)65536)
#define CONFIG_MAX ((size_t)4 << 20)
#define RELEASE_MAX 64 /* the kernel's own limit for a field of utsname */

/* ---- kernel ---- */

/* A release at the beginning of text: NULL unless it looks like one. */
static char *release_at(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n <= RELEASE_MAX &&
	       (isalnum((unsigned char)text[n]) || (text[n] && strchr(".+_~-", text[n]))))
		n++;
	return n && n <= RELEASE_MAX && isdigit((unsigned char)*text) ? strndup(text, n) : NULL;
}

/* The banner. The words stand elsewhere too, with a format behind them. */
static char *elf_release(const struct io_map *m)
{
	static const char banner[] = "Linux version ";
	const char *p = m->data, *end = m->data + m->len;

	while ((p = memmem(p, (size_t)(end - p), banner, sizeof(banner) - 1)) != NULL) {
		char *release;

		p += sizeof(banner) - 1;
		release = release_at(p, (size_t)(end - p));
		if (release)
			return release;
	}
	return NULL;
}

/* Documentation/arch/x86/boot.rst: kernel_version at 0x20e is an offset less 0x200. */
static char *bzimage_release(const struct io_map *m)
{
	const unsigned char *h = (const unsigned char *)m->data;
	size_t at = ((size_t)h[0x20e] | (size_t)h[0x20f] << 8) + 0x200;

	return at < m->len ? release_at(m->data + at, m->len - at) : NULL;
}

static void read_kernel(const struct io_map *m, struct guest_kernel *k)
{
	if (m->len >= 4 && memcmp(m->data, "\177ELF", 4) == 0) {
		k->kind = "ELF";
		k->release = elf_release(m);
	} else if (m->len >= 0x210 && memcmp(m->data + 0x202, "HdrS", 4) == 0) {
		k->kind = "bzImage";
		k->release = bzimage_release(m);
	}
}

/* Replaces release and package by those of the manifest (guest/module.mk), if it is about this file. */
static void read_manifest(const char *kernel, size_t size, struct guest_kernel *k)
{
	_free_ char *path = NULL, *text = NULL, *release = NULL, *package = NULL;
	char *save = NULL, *line;
	uint64_t bytes = 0;

	path = str_printf("%.*smanifest", (int)(strrchr(kernel, '/') + 1 - kernel), kernel);
	if (!path || io_read_file(AT_FDCWD, path, MANIFEST_MAX, &text, NULL, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (str_has_prefix(line, "kernel_release=") && !release)
			release = strdup(strchr(line, '=') + 1);
		else if (str_has_prefix(line, "kernel_package=") && !package)
			package = strdup(strchr(line, '=') + 1);
		else if (str_has_prefix(line, "vmlinux_bytes="))
			(void)num_u64(strchr(line, '=') + 1, 0, UINT64_MAX, &bytes);
	}
	if (bytes != size || !release || !*release)
		return;
	free(k->release);
	k->release = take_ptr(release);
	if (package && *package)
		k->package = take_ptr(package);
}

/* "# Linux/x86 6.12.117 Kernel Configuration" among the first lines, and 6.12.117-tuned of the kernel */
static bool is_of_release(const char *config, const char *release)
{
	const char *mark = strstr(config, " Kernel Configuration\n"), *p = mark;
	size_t n;

	if (!mark || !release)
		return true;
	while (p > config && p[-1] != ' ')
		p--;
	n = (size_t)(mark - p);
	return strncmp(release, p, n) == 0 && !isdigit((unsigned char)release[n]) &&
	       release[n] != '.';
}

/* Takes path (NULL: no memory) if it is the kernel's configuration. */
static void try_config(struct guest_kernel *k, char *path)
{
	_free_ char *file = path, *text = NULL;

	if (k->config || !file || io_read_file(AT_FDCWD, file, CONFIG_MAX, &text, NULL, NULL) < 0 ||
	    !strstr(text, "CONFIG_") || !is_of_release(text, k->release))
		return;
	k->config = take_ptr(text);
	k->config_file = take_ptr(file);
}

static void find_config(const char *kernel, const char *root, struct guest_kernel *k)
{
	int dir = (int)(strrchr(kernel, '/') - kernel);

	try_config(k, str_printf("%s.config", kernel));
	if (!k->release)
		return;
	try_config(k, str_printf("%.*s/config-%s", dir, kernel, k->release));
	try_config(k, str_printf("%s/lib/modules/%s/config", root, k->release));
}

int guest_kernel_read(const char *path, const char *root, struct guest_kernel *ret, struct err *err)
{
	_cleanup_(io_unmap) struct io_map m = {};
	int r;

	if (!strchr(path, '/'))
		return err_set(err, EINVAL, "'%s' is not an absolute path", path);
	r = io_map(path, &m, err);
	if (r < 0)
		return r;
	*ret = (struct guest_kernel){};
	read_kernel(&m, ret);
	read_manifest(path, m.len, ret);
	find_config(path, root, ret);
	return 0;
}

void guest_kernel_done(struct guest_kernel *k)
{
	free(k->release);
	free(k->package);
	free(k->config);
	free(k->config_file);
	*k = (struct guest_kernel){};
}

char guest_kernel_option(const struct guest_kernel *k, const char *symbol)
{
	char line[128];
	const char *p;

	if (!k->config)
		return 0;
	snprintf(line, sizeof(line), "CONFIG_%s=", symbol);
	for (p = k->config; (p = strstr(p, line)) != NULL; p++)
		if (p == k->config || p[-1] == '\n')
			break;
	if (!p)
		return 'n';
	p += strlen(line);
	return *p == 'm' || *p == 'n' ? *p : 'y'; /* a number or a text is there too */
}

/* ---- initramfs: Documentation/driver-api/early-userspace/buffer-format.rst ---- */

#define HEADER 110
#define NAME_SIZE 94
#define FILE_SIZE 54
#define ENTRIES_MAX 10000 /* ours has about 50 */

/* One of the header's fields of eight hexadecimal digits. */
static bool field(const char *header, size_t at, size_t *ret)
{
	size_t v = 0, i;

	for (i = at; i < at + 8; i++) {
		int c = tolower((unsigned char)header[i]);

		if (!isxdigit(c))
			return false;
		v = v << 4 | (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return true;
}

/* The entry at *at, which moves to the next one; NULL if there is none. */
static const char *next_entry(const struct io_map *m, size_t *at)
{
	const char *header = m->data + *at, *name = header + HEADER;
	size_t left = m->len - *at, name_size, file_size, data;

	if (left < HEADER || (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0))
		return NULL;
	if (!field(header, NAME_SIZE, &name_size) || !field(header, FILE_SIZE, &file_size) ||
	    name_size < 1 || name_size > PATH_MAX || name_size > left - HEADER ||
	    name[name_size - 1] != '\0')
		return NULL;
	/* Sizes are below 2^32, the sums far below 2^64. */
	data = (*at + HEADER + name_size + 3) & ~(size_t)3;
	if (data > m->len || file_size > m->len - data)
		return NULL;
	*at = (data + file_size + 3) & ~(size_t)3;
	if (*at > m->len)
		*at = m->len;
	return name;
}

static bool is_zero(const struct io_map *m, size_t from)
{
	while (from < m->len && m->data[from] == '\0')
		from++;
	return from == m->len;
}

int guest_initramfs_read(const char *path, struct guest_initramfs *ret, struct err *err)
{
	_cleanup_(io_unmap) struct io_map m = {};
	_strv_ char **names = NULL;
	const char *name;
	size_t at = 0, n = 0;
	int r;

	r = io_map(path, &m, err);
	if (r < 0)
		return r;
	*ret = (struct guest_initramfs){};
	if (m.len < 6 || (memcmp(m.data, "070701", 6) != 0 && memcmp(m.data, "070702", 6) != 0))
		return 0;
	while ((name = next_entry(&m, &at)) != NULL && strcmp(name, "TRAILER!!!") != 0) {
		if (n++ == ENTRIES_MAX)
			break;
		if (strv_add(&names, str_has_prefix(name, "./") ? name + 2 : name) < 0)
			return err_errno(err, ENOMEM, "read '%s'", path);
	}
	if (!name)
		return err_set(err, EBADMSG, "'%s' is cut short or damaged at byte %zu", path, at);
	ret->names = names ? take_ptr(names) : strv_copy(NULL);
	if (!ret->names)
		return err_errno(err, ENOMEM, "read '%s'", path);
	ret->complete = n <= ENTRIES_MAX && is_zero(&m, at);
	return 0;
}

void guest_initramfs_done(struct guest_initramfs *i)
{
	strv_free(i->names);
	*i = (struct guest_initramfs){};
}

bool guest_initramfs_has(const struct guest_initramfs *i, const char *name)
{
	char **n;

	for (n = i->names; n && *n; n++)
		if (strcmp(*n, name) == 0)
			return true;
	return false;
}
