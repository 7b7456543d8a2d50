/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: a process to be, and its terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "libruntime/api.h"
#include "libruntime/console.h"

void process_init(struct moat_process *p)
{
	*p = (struct moat_process){ .exec = { .tty = -1, .console_fd = -EBADF } };
}

void process_done(struct moat_process *p)
{
	strv_free(p->args);
	strv_free(p->env);
	strv_free(p->groups);
	strv_free(p->caps);
	strv_free(p->cgroups);
	free(p->cwd);
	free(p->user);
	free(p->apparmor);
	free(p->label);
	free(p->pid_file);
	free(p->console_socket);
	json_decref(p->json);
}

struct moat_process *moat_process_new(void)
{
	struct moat_process *p = malloc(sizeof(*p));

	if (p)
		process_init(p);
	return p;
}

void moat_process_free(struct moat_process *p)
{
	int saved = errno;

	if (p)
		process_done(p);
	free(p);
	errno = saved;
}

/* ---- setters ---- */

static void no_memory(struct moat_process *p)
{
	err_errno(&p->failure, ENOMEM, "process");
}

static const char *set(struct moat_process *p, char **where, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		no_memory(p);
	free(*where);
	return *where = copy;
}

static char *const *add(struct moat_process *p, char ***list, const char *value)
{
	if (value && strv_add(list, value) < 0)
		no_memory(p);
	return *list;
}

void moat_process_set_json(struct moat_process *p, const char *json)
{
	json_t *v = NULL;

	if (!p)
		return;
	if (json && js_parse(json, strlen(json), NULL, &v, &p->failure) < 0)
		err_wrap(&p->failure, "process object");
	json_decref(p->json);
	p->json = v;
	p->exec.process = v;
}

void moat_process_set_args(struct moat_process *p, const char *const *args)
{
	char **copy;

	if (!p)
		return;
	copy = args ? strv_copy((char *const *)args) : NULL;
	if (args && !copy)
		no_memory(p);
	strv_free(p->args);
	p->args = copy;
	p->exec.args = copy;
}

void moat_process_add_env(struct moat_process *p, const char *name_value)
{
	if (p)
		p->exec.env = add(p, &p->env, name_value);
}

void moat_process_set_cwd(struct moat_process *p, const char *path)
{
	if (p)
		p->exec.cwd = set(p, &p->cwd, path);
}

void moat_process_set_user(struct moat_process *p, const char *user)
{
	if (p)
		p->exec.user = set(p, &p->user, user);
}

void moat_process_add_group(struct moat_process *p, const char *gid)
{
	if (p)
		p->exec.additional_gids = add(p, &p->groups, gid);
}

void moat_process_add_capability(struct moat_process *p, const char *name)
{
	if (p)
		p->exec.caps = add(p, &p->caps, name);
}

void moat_process_set_no_new_privileges(struct moat_process *p)
{
	if (p)
		p->exec.no_new_privs = true;
}

void moat_process_set_apparmor(struct moat_process *p, const char *profile)
{
	if (p)
		p->exec.apparmor = set(p, &p->apparmor, profile);
}

void moat_process_set_selinux(struct moat_process *p, const char *label)
{
	if (p)
		p->exec.label = set(p, &p->label, label);
}

void moat_process_set_stdio(struct moat_process *p, int in, int out, int err_)
{
	const int fds[3] = { in, out, err_ };

	if (!p)
		return;
	for (size_t i = 0; i < 3; i++)
		p->stdio[i] = fds[i] < 0 ? -EBADF : fds[i];
	p->exec.stdio = p->stdio;
}

void moat_process_set_preserve_fds(struct moat_process *p, unsigned int n)
{
	if (p)
		p->exec.preserve_fds = n;
}

void moat_process_set_terminal(struct moat_process *p, bool terminal)
{
	if (p)
		p->exec.tty = terminal;
}

void moat_process_set_tty(struct moat_process *p, int slave)
{
	if (p)
		p->exec.console_fd = slave < 0 ? -EBADF : slave;
}

void moat_process_set_console_socket(struct moat_process *p, const char *path)
{
	if (p)
		p->exec.console_socket = set(p, &p->console_socket, path);
}

void moat_process_set_pid_file(struct moat_process *p, const char *path)
{
	if (p)
		p->exec.pid_file = set(p, &p->pid_file, path);
}

void moat_process_add_cgroup(struct moat_process *p, const char *path)
{
	if (p)
		p->exec.cgroups = add(p, &p->cgroups, path);
}

void moat_process_set_ignore_paused(struct moat_process *p)
{
	if (p)
		p->exec.ignore_paused = true;
}

bool moat_process_wants_terminal(const struct moat_process *p)
{
	if (!p)
		return false;
	if (p->exec.tty >= 0)
		return p->exec.tty;
	return js_get_bool(p->json ? p->json : p->base, "terminal", false);
}

/* ---- terminals ---- */

int moat_terminal_new(int *ret_master, int *ret_slave, struct moat_error *err)
{
	return console_new(NULL, ret_master, ret_slave, api_err(err));
}

int moat_terminal_resize(int master, unsigned int rows, unsigned int columns, struct moat_error *err)
{
	struct winsize ws = {};

	if (rows > UINT16_MAX || columns > UINT16_MAX)
		return err_set(api_err(err), EINVAL, "terminal: %u rows, %u columns", rows, columns);
	ws.ws_row = (unsigned short)rows;
	ws.ws_col = (unsigned short)columns;
	return ioctl(master, TIOCSWINSZ, &ws) < 0 ? err_errno(api_err(err), errno, "terminal") : 0;
}
