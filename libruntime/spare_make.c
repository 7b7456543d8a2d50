/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a spare: a sandbox as any other, in which a container of ours is created, started, and deleted. That takes
 * the guest, and QEMU's translation of its code, through everything that the container to come will need.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/background.h"
#include "libruntime/creation.h"
#include "libruntime/spare.h"
#include "libruntime/spare_store.h"
#include "oci/spec.h"
#include "wire/message.h"

#define REHEARSAL "rehearsal" /* the id of the container */
#define PROGRAM "/program" /* in its root file system */
#define END_MS 20000

struct making {
	const struct rt *rt;
	struct creation c;
	struct rt_create args;
	char name[64], bundle[PATH_MAX];
	int store;
	bool made;
	struct spare_record rec;
};

static int claim(struct making *m, struct err *err)
{
	snprintf(m->name, sizeof(m->name), "%.8s-%d" SPARE_NEW, m->rec.key, (int)getpid());
	(void)path_remove_tree(m->store, m->name, NULL);
	if (mkdirat(m->store, m->name, 0700) < 0)
		return err_errno(err, errno, "make a spare");
	m->made = true;
	m->c.dir = spare_lock(m->store, m->name);
	return m->c.dir < 0 ? err_errno(err, -m->c.dir, "make a spare") : 0;
}

/* A static program that ends at once, silently, when it is started without its descriptors. */
static int copy_program(int rootfs, const char *path, struct err *err)
{
	_close_ int from = open(path, O_RDONLY | O_CLOEXEC), to = -EBADF;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return err_errno(err, errno, "'%s'", path);
	to = openat(rootfs, PROGRAM + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (to < 0 || fchmod(to, 0755) < 0)
		return err_errno(err, errno, "make a spare");
	for (off_t at = 0; at < st.st_size;)
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
			return err_errno(err, errno ? errno : EIO, "copy '%s'", path);
	return 0;
}

static int make_bundle(struct making *m, const char *program, struct err *err)
{
	static const char *const dirs[] = { "bundle",
					    "bundle/rootfs",
					    "bundle/rootfs/dev",
					    "bundle/rootfs/proc",
					    "bundle/rootfs/sys",
					    "bundle/rootfs/tmp" };
	_json_ json_t *config = oci_spec_template();
	json_t *process = json_object_get(config, "process");
	_free_ char *text = NULL;
	_close_ int bundle = -EBADF, rootfs = -EBADF;

	json_object_set_new(process, "terminal", json_false());
	json_object_set_new(process, "args", json_pack("[s]", PROGRAM));
	text = config ? js_dump(config) : NULL;
	if (!text)
		return err_errno(err, ENOMEM, "make a spare");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdirat(m->c.dir, dirs[i], 0755) < 0)
			return err_errno(err, errno, "make a spare");
	bundle = openat(m->c.dir, "bundle", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rootfs = openat(m->c.dir, "bundle/rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bundle < 0 || rootfs < 0)
		return err_errno(err, errno, "make a spare");
	int r = copy_program(rootfs, program, err);

	return r < 0 ? r :
		       io_write_file(bundle, "config.json", text, strlen(text), 0600, false, err);
}

static int request(struct making *m, const char *method, struct err *err)
{
	_json_ json_t *params = json_pack("{s:s}", "id", REHEARSAL);

	return monitor_request(m->c.dir, method, params, MONITOR_REQUEST_MS, NULL, err);
}

static int rehearse(struct making *m, struct err *err)
{
	int r;

	r = standin_go(&m->c.standin, err);
	if (r >= 0)
		r = request(m, "start", err);
	if (r >= 0 && proc_wait_end(m->c.standin.pidfd, END_MS) < 0)
		r = err_set(err, ETIMEDOUT, "the rehearsal does not end");
	if (r < 0)
		return r;
	(void)proc_reap(m->c.standin.pid, NULL);
	m->c.standin.pid = 0;
	return request(m, "delete", err);
}

static int start(struct making *m, struct err *err)
{
	struct creation *c = &m->c;
	int r;

	snprintf(m->bundle, sizeof(m->bundle), "/proc/self/fd/%d/bundle", c->dir);
	m->args = (struct rt_create){ .id = REHEARSAL,
				      .bundle = m->bundle,
				      .detach = true,
				      .console_fd = -EBADF };
	c->rt = m->rt;
	c->args = &m->args;
	r = creation_check(c, err);
	if (r < 0)
		return r;
	c->vm.setup.keep = true;
	template_use(&c->vm, &c->template);
	if (c->template.memory < 0)
		return err_set(err, ENOENT, "there is no template yet");
	r = creation_attempt(c, err);
	if (r < 0)
		return r;
	m->rec.pid = c->monitor.pid;
	m->rec.start = c->state.monitor.start;
	r = spare_record_save(c->dir, &m->rec, err);
	return r < 0 ? r : rehearse(m, err);
}

static int publish(struct making *m, struct err *err)
{
	char name[64];
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(m->name) - strlen(SPARE_NEW)), m->name);
	(void)path_remove_tree(m->c.dir, "bundle", NULL);
	if (renameat(m->store, m->name, m->store, name) < 0)
		return err_errno(err, errno, "make a spare");
	snprintf(m->name, sizeof(m->name), "%s", name);
	/* From now on it lives without us. */
	r = wire_call(m->c.monitor.control, "commit", NULL, MONITOR_REQUEST_MS, NULL, err);
	m->c.committed = r >= 0;
	return r;
}

static int make_one(const struct rt *rt, int store, const struct vm_config *vm, const char *key,
		    struct err *err)
{
	struct making m = { .rt = rt, .c = CREATION_INIT, .store = store };
	int r;

	memcpy(m.rec.key, key, sizeof(m.rec.key));
	r = claim(&m, err);
	if (r >= 0)
		r = make_bundle(&m, vm->standin, err);
	if (r >= 0)
		r = start(&m, err);
	if (r >= 0)
		r = publish(&m, err);
	if (r < 0)
		creation_stop(&m.c);
	if (r < 0 && m.made)
		(void)path_remove_tree(store, m.name, NULL);
	creation_done(&m.c);
	return r;
}

/* What is of no use any more: its processes have died, or another configuration is asked for by now. */
static void sweep(int store, const char *key)
{
	_strv_ char **names = NULL;

	if (path_list(store, &names, NULL) < 0)
		return;
	for (size_t i = 0; names && names[i]; i++) {
		_close_ int dir = spare_lock(store, names[i]);
		struct spare_record rec = {};

		if (dir < 0)
			continue;
		if (spare_record_load(dir, &rec, NULL) < 0 || strcmp(rec.key, key) != 0 ||
		    !proc_alive(rec.pid, rec.start))
			spare_end(store, names[i], &rec);
	}
}

int rt_spare_fill(const struct rt *rt, struct err *err)
{
	_cleanup_(vm_config_done) struct vm_config vm = {};
	_close_ int store = -EBADF;
	char key[SPARE_KEY_SIZE];
	int r, made = 0;

	r = vm_config_load(rt, "spare", &vm, err);
	if (r >= 0 && !vm.template)
		r = err_set(err, ENOTSUP, "%s", vm.no_template);
	if (r >= 0)
		r = spare_key(&vm, key, err);
	if (r >= 0)
		r = store = spare_store_at(vm.factory, true, err);
	if (r < 0)
		return r;
	/* One at a time: whoever is at it makes what is missing. */
	if (flock(store, LOCK_EX | LOCK_NB) < 0)
		return 0;
	sweep(store, key);
	while (r >= 0 && spare_count(store, key) < (int)vm.spares) {
		r = make_one(rt, store, &vm, key, err);
		made += r >= 0;
	}
	return r < 0 ? r : made;
}

void spare_fill_in_background(const struct rt *rt, const struct vm_config *vm)
{
	static const char *const words[] = { "template", "fill", NULL };
	struct err err = {};

	if (vm->spares && background_run(rt, words, &err) < 0)
		log_info("no virtual machine is kept ready: %s", err.msg);
}
