/* SPDX-License-Identifier: Apache-2.0 */
/* Taking, counting and removing spares; making them is in spare_make.c. */
#include "libruntime/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sock.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "libruntime/spare_store.h"
#include "wire/message.h"

#define ADOPT_MS 2000

/* QEMU and virtiofsd with its own child: the kernel tells children by proc(5) "children". */
static void join_descendants(char *const *cgroups, pid_t pid, int depth)
{
	_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (depth > 3 || io_read_file(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
		return;
	for (char *save, *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		int child;

		if (num_int(p, 1, INT32_MAX, &child) < 0)
			continue;
		(void)cgroup_join(cgroups, child, NULL);
		join_descendants(cgroups, child, depth + 1);
	}
}

/* Only what is there moves: the socket is what counts. */
static int move_files(int from, int to, struct err *err)
{
	static const char *const names[] = { MONITOR_SOCKET, "monitor.log", "console.log" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (renameat(from, names[i], to, names[i]) < 0 && i == 0)
			return err_errno(err, errno, "%s", names[i]);
	return 0;
}

static int adopt(int spare, const struct spare_record *rec, const char *id, int dir,
		 char *const *cgroups, struct monitor_proc *ret, struct err *err)
{
	_close_ int pidfd = -EBADF, control = -EBADF;
	_json_ json_t *params = json_pack("{s:s}", "id", id);
	int r;

	pidfd = proc_open(rec->pid, rec->start);
	if (pidfd < 0)
		return err_set(err, ESRCH, "its monitor is gone");
	r = control = sock_connect_at(spare, MONITOR_SOCKET, err);
	if (r >= 0)
		r = cgroup_join(cgroups, rec->pid, err);
	if (r >= 0) {
		join_descendants(cgroups, rec->pid, 0);
		r = wire_call(control, "adopt", params, ADOPT_MS, NULL, err);
	}
	if (r >= 0)
		r = move_files(spare, dir, err);
	if (r < 0)
		return r;
	ret->pid = rec->pid;
	ret->pidfd = take_fd(pidfd);
	ret->control = take_fd(control);
	return 0;
}

/* What cannot be used is ended: nobody else could use it either. */
static bool try_spare(int store, const char *name, const char *key, const char *id, int dir,
		      char *const *cgroups, struct monitor_proc *ret)
{
	_close_ int spare = spare_lock(store, name);
	struct spare_record rec;
	struct err err = {};

	if (spare < 0 || spare_record_load(spare, &rec, NULL) < 0 || strcmp(rec.key, key) != 0)
		return false;
	if (adopt(spare, &rec, id, dir, cgroups, ret, &err) < 0) {
		log_info("spare %s cannot be used: %s", name, err.msg);
		spare_end(store, name, &rec);
		return false;
	}
	(void)path_remove_tree(store, name, NULL);
	log_info("spare %s is taken", name);
	return true;
}

bool spare_take(const struct vm_config *vm, const char *id, int dir, char *const *cgroups,
		struct monitor_proc *ret)
{
	_close_ int store = -EBADF;
	_strv_ char **names = NULL;
	char key[SPARE_KEY_SIZE];

	if (!vm->spares)
		return false;
	store = spare_store_at(vm->factory, false, NULL);
	if (store < 0 || spare_key(vm, key, NULL) < 0 || path_list(store, &names, NULL) < 0)
		return false;
	for (size_t i = 0; names && names[i]; i++)
		if (!str_has_suffix(names[i], SPARE_NEW) &&
		    try_spare(store, names[i], key, id, dir, cgroups, ret))
			return true;
	return false;
}

static int open_store(const struct rt *rt, struct err *err)
{
	_free_ char *factory = NULL;
	int r = vm_config_factory(rt, &factory, err);

	return r < 0 ? r : spare_store_at(factory, false, err);
}

int rt_spare_count(const struct rt *rt)
{
	_close_ int store = open_store(rt, NULL);

	return store < 0 ? 0 : spare_count(store, NULL);
}

int rt_spare_remove(const struct rt *rt, struct err *err)
{
	_close_ int store = open_store(rt, err);
	_strv_ char **names = NULL;
	int r, removed = 0;

	if (store < 0)
		return store == -ENOENT ? 0 : store;
	r = path_list(store, &names, err);
	for (size_t i = 0; r >= 0 && names && names[i]; i++) {
		bool made = !str_has_suffix(names[i], SPARE_NEW);
		struct spare_record rec = {};
		_close_ int dir = made ? spare_lock(store, names[i]) : -EBADF;

		/* Whoever has locked a ready one is taking it: it is a container's by now. */
		if (made && dir < 0)
			continue;
		/* The maker of the others finds at its end that its directory is gone, and ends what it has started. */
		if (made)
			(void)spare_record_load(dir, &rec, NULL);
		spare_end(store, names[i], &rec);
		removed++;
	}
	return r < 0 ? r : removed;
}
