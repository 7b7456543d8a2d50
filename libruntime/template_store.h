/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates on disk: <root>/@templates/<key>/{memory,devices,template.json}, made in <key>.new, whose lock
 * says that somebody is at it, and renamed when complete. <key>.failed says why the last attempt failed. No
 * container can have a name with '@'.
 */
#ifndef MOAT_LIBRUNTIME_TEMPLATE_STORE_H
#define MOAT_LIBRUNTIME_TEMPLATE_STORE_H

#include <stdint.h>

#include "base/err.h"
#include "libruntime/template_key.h"

#define TEMPLATE_NEW ".new"
#define TEMPLATE_FAILED ".failed"

struct template_meta {
	uint32_t version;
	char *created; /* as in the state object */
	char *kernel, *initrd, *path; /* the files it was made from, with what they were then */
	char *kernel_id, *initrd_id, *path_id;
	char *machine, *accel;
	uint32_t memory; /* MiB */
	uint32_t vcpus; /* 0: one that was made before this was written down */
	uint64_t bytes; /* of memory that is not zero */
	uint64_t devices; /* bytes of that file */
	char *sum;
};
void template_meta_done(struct template_meta *m);
int template_meta_load(int dirfd, struct template_meta *ret, struct err *err);
int template_meta_save(int dirfd, const struct template_meta *m, struct err *err);
/* Whether the files it was made from are still the same. */
bool template_meta_current(const struct template_meta *m);

/* Opens the directory of all templates below the root; -ENOENT without a message if there is none (and not create). */
int template_store_open(int root_fd, bool create, struct err *err);
/* The same below the directory with that path. */
int template_store_at(const char *factory, bool create, struct err *err);
/*
 * Opens the two files of a complete template and checks what can be checked without reading them.
 * -ENOENT without a message: there is none; -EUCLEAN: damaged, err says how.
 */
int template_store_get(int store_fd, const char *key, struct template_meta *ret, int *ret_memory,
		       int *ret_devices, struct err *err);
/* Claims a key: an empty, locked <key>.new. -EBUSY: somebody else is making it. Returns its descriptor. */
int template_store_claim(int store_fd, const char *key, struct err *err);
/* -ECANCELED: somebody has removed what was claimed. */
int template_store_claimed(int store_fd, int claimed, const char *key, struct err *err);
/* Gives what was claimed its name. -EEXIST: somebody was faster; -ECANCELED: somebody has removed it meanwhile. */
int template_store_publish(int store_fd, int claimed, const char *key, struct err *err);
/* Removes what was claimed, and not what somebody else may have claimed since. */
void template_store_give_up(int store_fd, int claimed, const char *key);
/* Removes everything with that key, or the entry of that name. Those who read from it are not disturbed. */
int template_store_remove(int store_fd, const char *name, struct err *err);
/* Keeps why it cannot be made or used, in <key>.failed. */
void template_store_note_failure(int store_fd, const char *key, const char *why);
/* Whether somebody holds the lock of <key>.new. */
bool template_store_busy(int store_fd, const char *name);

#endif
