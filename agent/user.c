/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"

#define PASSWD_MAX ((size_t)16 * 1024 * 1024)

/* name:password:uid:gid:gecos:home:shell. True if it is the line of uid. */
static bool parse_line(char *line, uint32_t uid, char *home, size_t size)
{
	char *field[7] = { line };
	uint32_t n;

	for (int i = 1; i < 7; i++) {
		field[i] = field[i - 1] ? strchr(field[i - 1], ':') : NULL;
		if (field[i])
			*field[i]++ = '\0';
	}
	if (!field[2] || num_u32(field[2], 0, UINT32_MAX, &n) < 0 || n != uid)
		return false;
	if (field[5] && *field[5])
		snprintf(home, size, "%s", field[5]);
	return true;
}

void user_home(int fd, uint32_t uid, char *home, size_t size)
{
	char buf[4096];
	size_t have = 0, total = 0;
	bool skipping = false; /* the rest of a line that is too long */
	ssize_t n;

	snprintf(home, size, "/");
	do {
		n = read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		have += (size_t)n;
		total += (size_t)n;
		if (n == 0 && have > 0)
			buf[have++] = '\n';
		char *line = buf, *end;
		while ((end = memchr(line, '\n', have - (size_t)(line - buf)))) {
			*end = '\0';
			if (!skipping && parse_line(line, uid, home, size))
				return;
			skipping = false;
			line = end + 1;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
		if (have == sizeof(buf) - 1) {
			have = 0;
			skipping = true;
		}
	} while (n != 0 && total < PASSWD_MAX);
}

void user_home_in(int rootfd, uint32_t uid, char *home, size_t size)
{
	struct stat st;

	snprintf(home, size, "/");
	_close_ int fd = path_open_in(rootfd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	user_home(fd, uid, home, size);
}

/* ---- environment ---- */

struct env {
	char **v; /* NULL-terminated */
	size_t n;
	size_t *slots; /* hash of the names: index into v plus 1, 0: free */
	size_t n_slots; /* power of two */
};

static size_t hash_name(const char *s, size_t n)
{
	size_t h = 5381;

	while (n--)
		h = h * 33 ^ (unsigned char)*s++;
	return h;
}

/* Where the entry with the first n bytes of s as its name is, or would be. */
static size_t *env_slot(struct env *e, const char *s, size_t n)
{
	for (size_t i = hash_name(s, n);; i++) {
		size_t *slot = &e->slots[i & (e->n_slots - 1)];

		if (*slot == 0 || (!strncmp(e->v[*slot - 1], s, n) && e->v[*slot - 1][n] == '='))
			return slot;
	}
}

static void env_set(struct env *e, char *entry)
{
	size_t *slot = env_slot(e, entry, strcspn(entry, "="));

	if (*slot == 0) {
		*slot = ++e->n;
		e->v[e->n] = NULL;
	}
	e->v[*slot - 1] = entry;
}

static const char *env_get(struct env *e, const char *name)
{
	size_t slot = *env_slot(e, name, strlen(name));

	return slot ? e->v[slot - 1] + strlen(name) + 1 : NULL;
}

static int env_fill(struct env *e, const struct oci_process *p, const char *home, struct err *err)
{
	for (size_t i = 0; p->env && p->env[i]; i++) {
		if (!strchr(p->env[i], '='))
			return err_set(err, EINVAL, "invalid environment variable: missing '='");
		if (p->env[i][0] == '=')
			return err_set(err, EINVAL,
				       "invalid environment variable: name cannot be empty");
		env_set(e, p->env[i]);
	}
	const char *given = env_get(e, "HOME");
	if (!given || !*given) {
		char *entry = str_printf("HOME=%s", home);

		if (!entry)
			return err_errno(err, ENOMEM, "environment");
		env_set(e, entry);
	}
	if (p->terminal && !env_get(e, "TERM")) {
		char *entry = strdup("TERM=xterm");

		if (!entry)
			return err_errno(err, ENOMEM, "environment");
		env_set(e, entry);
	}
	return 0;
}

int user_env(const struct oci_process *p, const char *home, char ***ret, struct err *err)
{
	size_t n = strv_len(p->env) + 2;
	struct env e = { .n_slots = 16 };
	int r;

	while (e.n_slots < 2 * n)
		e.n_slots *= 2;
	_free_ size_t *slots = calloc(e.n_slots, sizeof(*slots));
	_free_ char **v = calloc(n + 1, sizeof(*v));
	if (!slots || !v)
		return err_errno(err, ENOMEM, "environment");
	e.slots = slots;
	e.v = v;
	r = env_fill(&e, p, home, err);
	if (r < 0)
		return r;
	*ret = take_ptr(v);
	return 0;
}
