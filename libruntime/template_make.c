/* SPDX-License-Identifier: Apache-2.0 */
/* Making a template: a monitor with a VM that is booted, saved, and ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/background.h"
#include "libruntime/monitor_client.h"
#include "libruntime/state.h"
#include "libruntime/template.h"
#include "wire/message.h"

/* Beyond the boot, and as long again for settling: what that has at the least, and the writing. */
#define SAVE_MS 90000
#define RETRY_SECONDS 600

struct making {
	const struct rt *rt;
	struct vm_config vm;
	char key[TEMPLATE_KEY_SIZE];
	int store, dir; /* dir: the claimed directory */
	int memory, devices;
	struct monitor_proc monitor;
	struct template_meta meta;
};

static void making_done(struct making *m)
{
	m->monitor.control = fd_close(m->monitor.control);
	if (m->monitor.pid > 0) {
		/* It ends its VM when the connection closes. */
		if (proc_wait_end(m->monitor.pidfd, 3000) < 0)
			proc_signal(m->monitor.pidfd, SIGKILL);
		(void)proc_reap(m->monitor.pid, NULL);
	}
	fd_close(m->monitor.pidfd);
	fd_close(m->memory);
	fd_close(m->devices);
	fd_close(m->dir);
	fd_close(m->store);
	template_meta_done(&m->meta);
	vm_config_done(&m->vm);
}

static void failed_name(const char *key, char ret[64])
{
	snprintf(ret, 64, "%.40s" TEMPLATE_FAILED, key);
}

static int make_file(int dir, const char *name, uint64_t size, struct err *err)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
		int r = err_errno(err, errno, "make %s", name);

		fd_close(fd);
		return r;
	}
	return fd;
}

static int claim(struct making *m, struct err *err)
{
	_cleanup_(template_meta_done) struct template_meta old = {};
	int memory = -EBADF, devices = -EBADF, r;

	r = m->store = template_store_at(m->vm.factory, true, err);
	if (r >= 0)
		r = template_key(&m->vm.setup, m->key, err);
	if (r < 0)
		return r;
	r = template_store_get(m->store, m->key, &old, &memory, &devices, NULL);
	fd_close(memory);
	fd_close(devices);
	if (r >= 0)
		return err_set(err, EEXIST, "the template exists already");
	if (r == -EUCLEAN)
		(void)template_store_remove(m->store, m->key, NULL);
	r = m->dir = template_store_claim(m->store, m->key, err);
	if (r < 0)
		return r;
	r = m->memory = make_file(m->dir, "memory", (uint64_t)m->vm.setup.memory << 20, err);
	if (r >= 0)
		r = m->devices = make_file(m->dir, "devices", 0, err);
	return r;
}

static int set_file(char **path, char **id, const char *file, struct err *err)
{
	char now[TEMPLATE_FILE_ID_SIZE];
	int r = template_file_id(file, now);

	if (r < 0)
		return err_errno(err, -r, "'%s'", file);
	*path = strdup(file);
	*id = strdup(now);
	return *path && *id ? 0 : err_errno(err, ENOMEM, "template");
}

/* Before the boot: a file that changes meanwhile makes the template outdated, not wrong. */
static int describe(struct making *m, struct err *err)
{
	const struct vm_setup *s = &m->vm.setup;
	struct template_meta *d = &m->meta;
	int r;

	r = set_file(&d->kernel, &d->kernel_id, s->kernel, err);
	if (r >= 0)
		r = set_file(&d->initrd, &d->initrd_id, s->initrd, err);
	if (r >= 0)
		r = set_file(&d->path, &d->path_id, s->path, err);
	if (r < 0)
		return r;
	d->created = state_timestamp();
	d->machine = strdup(s->machine);
	d->accel = strdup(s->accel);
	d->memory = s->memory;
	d->vcpus = s->vcpus;
	return d->created && d->machine && d->accel ? 0 : err_errno(err, ENOMEM, "template");
}

static int boot_and_save(struct making *m, struct err *err)
{
	struct vm_setup *s = &m->vm.setup;
	_json_ json_t *result = NULL;
	int timeout = 2 * (int)s->boot_timeout * 1000 + SAVE_MS, r;
	const char *sum;

	free(s->template);
	s->template = strdup(VM_TEMPLATE_SAVE);
	if (!s->template)
		return err_errno(err, ENOMEM, "template");
	r = monitor_spawn(m->vm.monitor, m->dir, (const int[]){ m->memory, m->devices }, NULL, 0,
			  &m->monitor, err);
	if (r >= 0)
		r = monitor_setup(&m->monitor, s, err);
	if (r >= 0)
		r = wire_call(m->monitor.control, "save", NULL, timeout, &result, err);
	if (r < 0)
		return r;
	sum = js_get_str(result, "sum");
	m->meta.bytes = (uint64_t)js_get_int(result, "bytes", 0);
	m->meta.sum = sum ? strdup(sum) : NULL;
	return m->meta.sum ? 0 : err_set(err, EPROTO, "the monitor's answer lacks the sum");
}

/* Templates that nobody can use any more, and what dead makers have left. */
static void sweep(const struct making *m)
{
	struct rt_template *list = NULL;
	size_t n = 0;

	if (rt_template_list(m->rt, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s%s", list[i].key,
			 list[i].state == RT_TEMPLATE_ABANDONED ? TEMPLATE_NEW : "");
		if (list[i].state == RT_TEMPLATE_OUTDATED || list[i].state == RT_TEMPLATE_DAMAGED ||
		    list[i].state == RT_TEMPLATE_ABANDONED)
			(void)template_store_remove(m->store, name, NULL);
	}
	rt_template_list_free(list, n);
}

static int publish(struct making *m, struct err *err)
{
	static const char *const leftovers[] = { MONITOR_SOCKET, "monitor.log", "console.log" };
	char failed[64];
	struct stat st;
	int r;

	if (fstat(m->devices, &st) < 0)
		return err_errno(err, errno, "template");
	m->meta.devices = (uint64_t)st.st_size;
	r = template_store_claimed(m->store, m->dir, m->key, err);
	if (r >= 0)
		r = template_meta_save(m->dir, &m->meta, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(leftovers); i++)
		(void)unlinkat(m->dir, leftovers[i], 0);
	r = template_store_publish(m->store, m->dir, m->key, err);
	if (r < 0)
		return r;
	failed_name(m->key, failed);
	(void)template_store_remove(m->store, failed, NULL);
	sweep(m);
	return 0;
}

/* Removes what was made; what went wrong is kept for `template status` and so that it is not tried at once again. */
static void give_up(struct making *m, const struct err *why)
{
	template_store_give_up(m->store, m->dir, m->key);
	/* It is open still, and there may be room for nothing else. */
	(void)!ftruncate(m->memory, 0);
	if (why->code != EEXIST && why->code != ECANCELED)
		template_store_note_failure(m->store, m->key, why->msg);
}

static int set_vcpus(struct vm_config *vm, uint32_t vcpus, struct err *err)
{
	if (vcpus < vm->setup.base_vcpus || vcpus > vm->most_vcpus)
		return err_set(err, ERANGE,
			       "%u processors are not default_vcpus = %u to default_maxvcpus = %u",
			       vcpus, vm->setup.base_vcpus, vm->most_vcpus);
	return vm_config_set_vcpus(vm, vcpus, err);
}

int rt_template_create(const struct rt *rt, uint32_t vcpus, struct err *err)
{
	struct making m = {
		.rt = rt,
		.store = -EBADF,
		.dir = -EBADF,
		.memory = -EBADF,
		.devices = -EBADF,
		.monitor = { .pidfd = -EBADF, .control = -EBADF },
	};
	struct err e = {};
	int r;

	r = vm_config_load(rt, "template", &m.vm, &e);
	if (r >= 0 && !m.vm.template)
		r = err_set(&e, ENOTSUP, "%s", m.vm.no_template);
	if (r >= 0 && vcpus)
		r = set_vcpus(&m.vm, vcpus, &e);
	if (r >= 0)
		r = claim(&m, &e);
	if (r >= 0)
		r = describe(&m, &e);
	if (r >= 0)
		r = boot_and_save(&m, &e);
	if (r >= 0)
		r = publish(&m, &e);
	if (r < 0 && m.dir >= 0)
		give_up(&m, &e);
	making_done(&m);
	if (r < 0 && err)
		*err = e;
	return r;
}

/* ---- in the background ---- */

static bool failed_lately(int store, const char *key)
{
	struct timespec now;
	struct stat st;
	char name[64];

	failed_name(key, name);
	clock_gettime(CLOCK_REALTIME, &now);
	return fstatat(store, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.tv_sec - st.st_mtim.tv_sec < RETRY_SECONDS;
}

/* Half of the guest's memory is more than a booted guest has used. */
static bool has_room(int store, uint32_t mib)
{
	struct statvfs fs;

	return fstatvfs(store, &fs) == 0 && !(fs.f_flag & ST_RDONLY) &&
	       (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)mib << 19;
}

static bool worth_trying(const struct vm_config *vm, struct err *err)
{
	_close_ int store = template_store_at(vm->factory, true, err);
	char key[TEMPLATE_KEY_SIZE], name[64];

	if (store < 0 || template_key(&vm->setup, key, err) < 0)
		return false;
	snprintf(name, sizeof(name), "%s" TEMPLATE_NEW, key);
	if (template_store_busy(store, name) || failed_lately(store, key))
		return false;
	if (has_room(store, vm->setup.memory))
		return true;
	err_set(err, ENOSPC, "no room for a template");
	return false;
}

void template_make_in_background(const struct rt *rt, const struct vm_config *vm)
{
	char vcpus[16];
	const char *words[] = { "template", "create", "--vcpus", vcpus, NULL };
	struct err err = {};

	snprintf(vcpus, sizeof(vcpus), "%u", vm->setup.vcpus);
	if ((worth_trying(vm, &err) && background_run(rt, words, &err) < 0) || err.code)
		log_info("no template is made: %s", err.msg);
}
