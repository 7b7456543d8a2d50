/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat.h as a program has it, on the fake hypervisor: monitors and stand-ins are real, guests are not. Root is needed. A test
 * is between begin() and end(), which finds what it has left.
 */
#ifndef MOAT_TESTS_TEST_MOAT_H
#define MOAT_TESTS_TEST_MOAT_H

#define UNIT_TIMEOUT 120

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "libruntime/moat.h"

static char *top, *root, *rootfs, *config;
static struct moat *m;

static inline char *below(const char *name)
{
	char *path = path_join(top, name);

	ck_assert_ptr_nonnull(path);
	return path;
}

static inline struct moat *handle(void)
{
	struct moat *h = moat_new();

	ck_assert_ptr_nonnull(h);
	moat_set_root(h, root);
	moat_set_configuration(h, config);
	return h;
}

/* Its programs are beside the test's directory: build/X/tests/unit/test_moat_api. */
static inline void find_programs(void)
{
	char path[PATH_MAX];
	struct moat_error err = {};
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	memcpy(strchr(path, '\0'), "/moat", sizeof("/moat"));
	unit_ok(moat_set_program(path, &err), &err);
}

/* An id of this test's own: cgroups are the whole host's. */
static const char *n(const char *name)
{
	static char pool[64][32];
	static unsigned int i;
	char *s = pool[i++ % 64];

	snprintf(s, sizeof(pool[0]), "unit%d-%s", (int)getpid(), name);
	return s;
}

static inline void begin(void)
{
	static const char text[] = "[runtime]\nhypervisor = \"fake\"\n"
				   "[hypervisor.qemu]\npcie_root_port = 8\n";
	struct err err = {};

	top = unit_mkdtemp();
	root = below("state");
	rootfs = below("rootfs");
	config = below("configuration.toml");
	ck_assert_int_eq(mkdir(rootfs, 0755), 0);
	unit_ok(io_write_file(AT_FDCWD, config, text, strlen(text), 0644, false, &err), &err);
	find_programs();
	m = handle();
}

static inline void end(void)
{
	struct moat_error err = {};
	struct moat_status **list = NULL;

	/* Nothing is left, no child either. */
	unit_ok(moat_container_list(m, &list, &err), &err);
	ck_assert_ptr_null(list[0]);
	moat_status_list_free(list);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	moat_free(m);
	free(root);
	free(rootfs);
	free(config);
	unit_rmdir(top);
}

static inline struct moat_spec *spec(const char *id, const char *program, const char *arg)
{
	struct moat_spec *s = moat_spec_new(id);
	const char *args[] = { program, arg, NULL };

	moat_spec_set_rootfs(s, rootfs, false);
	moat_process_set_args(moat_spec_process(s), args);
	moat_process_set_stdio(moat_spec_process(s), -1, -1, -1);
	return s;
}

static inline pid_t create(const char *id, const char *program, const char *arg)
{
	struct moat_spec *s = spec(id, program, arg);
	struct moat_error err = {};
	pid_t pid = 0;

	unit_ok(moat_container_create(m, NULL, s, &pid, &err), &err);
	moat_spec_free(s);
	return pid;
}

static inline enum moat_state state_of(const char *id)
{
	struct moat_status *s = NULL;
	struct moat_error err = {};
	enum moat_state state;

	unit_ok(moat_container_status(m, id, &s, &err), &err);
	state = s->state;
	moat_status_free(s);
	return state;
}

static inline void gone(const char *id)
{
	struct moat_status *s = NULL;
	struct moat_error err = {};

	unit_fails(moat_container_status(m, id, &s, &err), ENOENT, &err, "does not exist");
}

#endif
