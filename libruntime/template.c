/* SPDX-License-Identifier: Apache-2.0 */
/* Using templates; making them is in template_make.c. */
#include "libruntime/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"

static int set(char **member, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

/* 1: found, 0: not there, negative: it cannot be used. */
static int find(const char *factory, struct vm_setup *s, struct template_use *u, struct err *err)
{
	_cleanup_(template_meta_done) struct template_meta meta = {};
	_close_ int store = template_store_at(factory, false, err);
	char key[TEMPLATE_KEY_SIZE];
	int r;

	if (store < 0)
		return store == -ENOENT ? 0 : store;
	r = template_key(s, key, err);
	if (r >= 0)
		r = template_store_get(store, key, &meta, &u->memory, &u->devices, err);
	if (r == -EUCLEAN)
		(void)template_store_remove(store, key, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (meta.memory != s->memory)
		return err_set(err, EINVAL, "the template %.8s has %u MiB", key, meta.memory);
	if (set(&s->template, VM_TEMPLATE_RESTORE) < 0 || set(&s->template_sum, meta.sum) < 0)
		return err_errno(err, ENOMEM, "template");
	return 1;
}

void template_use(struct vm_config *vm, struct template_use *ret)
{
	struct template_use u = { .memory = -EBADF, .devices = -EBADF };
	struct err err = {};
	int r = 0;

	if (vm->template) {
		r = find(vm->factory, &vm->setup, &u, &err);
		u.missing = r <= 0;
	}
	if (r < 0)
		log_warn("%s; the virtual machine boots without it", err.msg);
	if (r <= 0) {
		u.memory = fd_close(u.memory);
		u.devices = fd_close(u.devices);
	}
	*ret = u;
}

void template_use_done(struct template_use *u)
{
	u->memory = fd_close(u->memory);
	u->devices = fd_close(u->devices);
}

void template_reject(struct vm_config *vm, const struct err *why)
{
	_close_ int store = template_store_at(vm->factory, false, NULL);
	char key[TEMPLATE_KEY_SIZE];

	log_warn("the virtual machine did not start from its template, which is removed; it boots without one: %s",
		 why->msg);
	(void)set(&vm->setup.template, NULL);
	(void)set(&vm->setup.template_sum, NULL);
	if (store < 0 || template_key(&vm->setup, key, NULL) < 0)
		return;
	(void)template_store_remove(store, key, NULL);
	/* From one without a fault the next will not start either. */
	if (why->code == VM_TEMPLATE_FAILED)
		template_store_note_failure(store, key, why->msg);
}

/* ---- list and remove ---- */

const char *rt_template_state_name(enum rt_template_state s)
{
	static const char *const names[] = { "ready",  "outdated",  "damaged",
					     "making", "abandoned", "failed" };

	return names[s];
}

static uint64_t disk_usage(int store, const char *name)
{
	static const char *const files[] = { "memory", "devices" };
	_close_ int dir = openat(store, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(files); i++)
		if (fstatat(dir, files[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	return bytes;
}

/* Without its control characters: it may have been written by anything. */
static void read_why(int store, const char *name, char *ret, size_t size)
{
	_free_ char *text = NULL;

	if (io_read_file(store, name, 4096, &text, NULL, NULL) < 0)
		return;
	snprintf(ret, size, "%s", text);
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

static void look_at(int store, const char *name, struct rt_template *t)
{
	int memory = -EBADF, devices = -EBADF;
	struct err err = {};

	snprintf(t->key, sizeof(t->key), "%.*s", (int)strcspn(name, "."), name);
	t->bytes = disk_usage(store, name);
	if (str_has_suffix(name, TEMPLATE_NEW)) {
		t->state = template_store_busy(store, name) ? RT_TEMPLATE_MAKING :
							      RT_TEMPLATE_ABANDONED;
	} else if (str_has_suffix(name, TEMPLATE_FAILED)) {
		t->state = RT_TEMPLATE_FAILED;
		read_why(store, name, t->why, sizeof(t->why));
	} else if (template_store_get(store, name, &t->meta, &memory, &devices, &err) < 0) {
		t->state = RT_TEMPLATE_DAMAGED;
		snprintf(t->why, sizeof(t->why), "%.*s", (int)sizeof(t->why) - 1, err.msg);
	} else {
		t->state = template_meta_current(&t->meta) ? RT_TEMPLATE_READY :
							     RT_TEMPLATE_OUTDATED;
	}
	fd_close(memory);
	fd_close(devices);
}

/* "" where there is none, or the configuration cannot be read. */
static void current_key(const struct rt *rt, char ret[TEMPLATE_KEY_SIZE])
{
	_cleanup_(vm_config_done) struct vm_config vm = {};

	ret[0] = '\0';
	if (vm_config_load(rt, "template", &vm, NULL) < 0 || !vm.template ||
	    template_key(&vm.setup, ret, NULL) < 0)
		ret[0] = '\0';
}

void rt_template_list_free(struct rt_template *list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		template_meta_done(&list[i].meta);
	free(list);
}

static int open_store(const struct rt *rt, struct err *err)
{
	_free_ char *factory = NULL;
	int r = vm_config_factory(rt, &factory, err);

	return r < 0 ? r : template_store_at(factory, false, err);
}

int rt_template_list(const struct rt *rt, struct rt_template **ret, size_t *ret_n, struct err *err)
{
	_close_ int store = open_store(rt, err);
	char key[TEMPLATE_KEY_SIZE];
	_strv_ char **names = NULL;
	struct rt_template *list;
	size_t n;
	int r;

	*ret = NULL;
	*ret_n = 0;
	if (store < 0)
		return store == -ENOENT ? 0 : store;
	r = path_list(store, &names, err);
	if (r < 0)
		return r;
	n = strv_len(names);
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return err_errno(err, ENOMEM, "list templates");
	current_key(rt, key);
	for (size_t i = 0; i < n; i++) {
		look_at(store, names[i], &list[i]);
		list[i].current = strcmp(list[i].key, key) == 0;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int rt_template_remove(const struct rt *rt, struct err *err)
{
	_close_ int store = open_store(rt, err);
	_strv_ char **names = NULL;
	int r, removed = 0;

	if (store < 0)
		return store == -ENOENT ? 0 : store;
	r = path_list(store, &names, err);
	for (size_t i = 0; r >= 0 && names && names[i]; i++) {
		/* A maker at work finds at its end that its directory is gone. */
		r = template_store_remove(store, names[i], err);
		removed += r >= 0 && !str_has_suffix(names[i], TEMPLATE_FAILED);
	}
	return r < 0 ? r : removed;
}
