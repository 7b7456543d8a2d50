/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/spare_store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/store.h"

#define STORE "@spares"
#define RECORD "spare.json"
#define END_MS 3000

int spare_key(const struct vm_config *vm, char ret[SPARE_KEY_SIZE], struct err *err)
{
	static const char *const varying[] = { "id", "uid", "template", "template_sum", "keep" };
	_json_ json_t *setup = vm_setup_to_json(&vm->setup);
	_free_ char *text = NULL;
	char template[TEMPLATE_KEY_SIZE];
	_buf_ struct buf b = {};
	XXH128_hash_t h;
	int r;

	r = template_key(&vm->setup, template, err);
	if (r < 0)
		return r;
	for (size_t i = 0; setup && i < ARRAY_SIZE(varying); i++)
		json_object_del(setup, varying[i]);
	text = setup ? js_dump(setup) : NULL;
	buf_printf(&b, "%s %s %s %s", template, vm->monitor, vm->standin, text ? text : "");
	if (!text || !buf_ok(&b))
		return err_errno(err, ENOMEM, "spare");
	h = XXH3_128bits(b.data, b.len);
	snprintf(ret, SPARE_KEY_SIZE, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
	return 0;
}

int spare_store_at(const char *factory, bool create, struct err *err)
{
	_close_ int root_fd = store_open(factory, create, err);
	int fd;

	if (root_fd < 0)
		return root_fd;
	if (create && mkdirat(root_fd, STORE, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the directory of spares");
	fd = openat(root_fd, STORE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT :
					 err_errno(err, errno, "open the directory of spares");
	return fd;
}

int spare_lock(int store, const char *name)
{
	_close_ int fd = openat(store, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat a, b;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	/* It may have been taken between the two. */
	if (fstat(fd, &a) < 0 || fstatat(store, name, &b, AT_SYMLINK_NOFOLLOW) < 0 ||
	    a.st_ino != b.st_ino || a.st_dev != b.st_dev)
		return -ENOENT;
	return take_fd(fd);
}

int spare_record_load(int dirfd, struct spare_record *ret, struct err *err)
{
	_json_ json_t *tree = NULL;
	_free_ char *text = NULL;
	struct spare_record rec = {};
	const char *key;
	size_t len;
	int r;

	r = io_read_file(dirfd, RECORD, 4096, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, &tree, err);
	if (r < 0)
		return r;
	key = js_get_str(tree, "key");
	rec.pid = (pid_t)js_get_int(tree, "pid", 0);
	if (!key || strlen(key) >= sizeof(rec.key) || rec.pid <= 0 ||
	    js_u64(json_object_get(tree, "start"), &rec.start) < 0)
		return err_set(err, EINVAL, RECORD " is damaged");
	memcpy(rec.key, key, strlen(key));
	*ret = rec;
	return 0;
}

int spare_record_save(int dirfd, const struct spare_record *rec, struct err *err)
{
	_json_ json_t *obj = json_pack("{s:s, s:i, s:o}", "key", rec->key, "pid", (int)rec->pid,
				       "start", js_new_u64(rec->start));
	_free_ char *text = obj ? js_dump(obj) : NULL;

	return text ? io_write_file(dirfd, RECORD, text, strlen(text), 0600, false, err) :
		      err_errno(err, ENOMEM, RECORD);
}

int spare_count(int store, const char *key)
{
	_strv_ char **names = NULL;
	int n = 0;

	if (path_list(store, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; names && names[i]; i++) {
		_close_ int dir = openat(store, names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct spare_record rec;

		n += !str_has_suffix(names[i], SPARE_NEW) && dir >= 0 &&
		     spare_record_load(dir, &rec, NULL) >= 0 && proc_alive(rec.pid, rec.start) &&
		     (!key || strcmp(key, rec.key) == 0);
	}
	return n;
}

void spare_end(int store, const char *name, const struct spare_record *rec)
{
	_close_ int pidfd = rec->pid > 0 ? proc_open(rec->pid, rec->start) : -ESRCH;

	/* PID 1 of its namespace: QEMU and virtiofsd go with it. */
	if (pidfd >= 0 && proc_signal(pidfd, SIGKILL) >= 0)
		(void)proc_wait_end(pidfd, END_MS);
	(void)path_remove_tree(store, name, NULL);
}
