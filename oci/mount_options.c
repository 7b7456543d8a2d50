/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/mount_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Of each group one holds; the kernel takes "noatime,relatime" in ways of its own. */
#define ATIME (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

enum action {
	NOTHING,
	SET, /* a bit of set */
	CLEAR, /* ... and its opposite */
	PROPAGATION,
	REC_SET, /* an attribute of mount_setattr(2), recursively */
	REC_CLEAR,
	BIND,
	TMPCOPYUP,
};

/* Sorted by name: bsearch() and the list of `features`. */
#define OPTIONS(X)                                             \
	X("acl", SET, MS_POSIXACL)                             \
	X("async", CLEAR, MS_SYNCHRONOUS)                      \
	X("atime", CLEAR, MS_NOATIME)                          \
	X("bind", BIND, 0)                                     \
	X("defaults", NOTHING, 0)                              \
	X("dev", CLEAR, MS_NODEV)                              \
	X("diratime", CLEAR, MS_NODIRATIME)                    \
	X("dirsync", SET, MS_DIRSYNC)                          \
	X("exec", CLEAR, MS_NOEXEC)                            \
	X("iversion", SET, MS_I_VERSION)                       \
	X("lazytime", SET, MS_LAZYTIME)                        \
	X("loud", CLEAR, MS_SILENT)                            \
	X("mand", SET, MS_MANDLOCK)                            \
	X("noacl", CLEAR, MS_POSIXACL)                         \
	X("noatime", SET, MS_NOATIME)                          \
	X("nodev", SET, MS_NODEV)                              \
	X("nodiratime", SET, MS_NODIRATIME)                    \
	X("noexec", SET, MS_NOEXEC)                            \
	X("noiversion", CLEAR, MS_I_VERSION)                   \
	X("nolazytime", CLEAR, MS_LAZYTIME)                    \
	X("nomand", CLEAR, MS_MANDLOCK)                        \
	X("norelatime", CLEAR, MS_RELATIME)                    \
	X("nostrictatime", CLEAR, MS_STRICTATIME)              \
	X("nosuid", SET, MS_NOSUID)                            \
	X("nosymfollow", SET, MS_NOSYMFOLLOW)                  \
	X("private", PROPAGATION, MS_PRIVATE)                  \
	X("ratime", REC_CLEAR, MOUNT_ATTR_NOATIME)             \
	X("rbind", BIND, MS_REC)                               \
	X("rdev", REC_CLEAR, MOUNT_ATTR_NODEV)                 \
	X("rdiratime", REC_CLEAR, MOUNT_ATTR_NODIRATIME)       \
	X("relatime", SET, MS_RELATIME)                        \
	X("remount", SET, MS_REMOUNT)                          \
	X("rexec", REC_CLEAR, MOUNT_ATTR_NOEXEC)               \
	X("rnoatime", REC_SET, MOUNT_ATTR_NOATIME)             \
	X("rnodev", REC_SET, MOUNT_ATTR_NODEV)                 \
	X("rnodiratime", REC_SET, MOUNT_ATTR_NODIRATIME)       \
	X("rnoexec", REC_SET, MOUNT_ATTR_NOEXEC)               \
	X("rnorelatime", NOTHING, 0)                           \
	X("rnostrictatime", REC_CLEAR, MOUNT_ATTR_STRICTATIME) \
	X("rnosuid", REC_SET, MOUNT_ATTR_NOSUID)               \
	X("rnosymfollow", REC_SET, MOUNT_ATTR_NOSYMFOLLOW)     \
	X("ro", SET, MS_RDONLY)                                \
	X("rprivate", PROPAGATION, MS_PRIVATE | MS_REC)        \
	X("rrelatime", REC_SET, MOUNT_ATTR_RELATIME)           \
	X("rro", REC_SET, MOUNT_ATTR_RDONLY)                   \
	X("rrw", REC_CLEAR, MOUNT_ATTR_RDONLY)                 \
	X("rshared", PROPAGATION, MS_SHARED | MS_REC)          \
	X("rslave", PROPAGATION, MS_SLAVE | MS_REC)            \
	X("rstrictatime", REC_SET, MOUNT_ATTR_STRICTATIME)     \
	X("rsuid", REC_CLEAR, MOUNT_ATTR_NOSUID)               \
	X("rsymfollow", REC_CLEAR, MOUNT_ATTR_NOSYMFOLLOW)     \
	X("runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC)  \
	X("rw", CLEAR, MS_RDONLY)                              \
	X("shared", PROPAGATION, MS_SHARED)                    \
	X("silent", SET, MS_SILENT)                            \
	X("slave", PROPAGATION, MS_SLAVE)                      \
	X("strictatime", SET, MS_STRICTATIME)                  \
	X("suid", CLEAR, MS_NOSUID)                            \
	X("symfollow", CLEAR, MS_NOSYMFOLLOW)                  \
	X("sync", SET, MS_SYNCHRONOUS)                         \
	X("tmpcopyup", TMPCOPYUP, 0)                           \
	X("unbindable", PROPAGATION, MS_UNBINDABLE)

struct option {
	const char *name;
	enum action action;
	unsigned long flag;
};

#define ROW(name, action, flag) { name, action, flag },
static const struct option table[] = { OPTIONS(ROW) };

#define NAME(name, action, flag) name,
const char *const oci_mount_option_names[] = { OPTIONS(NAME) NULL };

static int compare(const void *key, const void *element)
{
	return strcmp(key, ((const struct option *)element)->name);
}

/* The access time settings are one field of the kernel's: whoever changes it must clear all of it. */
static bool is_rec_atime(const struct option *o)
{
	return o->flag == MOUNT_ATTR_RELATIME || (o->flag & MOUNT_ATTR__ATIME);
}

static void apply(struct oci_mount_flags *f, const struct option *o)
{
	switch (o->action) {
	case NOTHING:
		break;
	case SET:
		if (o->flag & ATIME)
			f->set &= ~(unsigned long)ATIME;
		f->set |= o->flag;
		f->clear &= ~o->flag;
		break;
	case CLEAR:
		f->set &= ~o->flag;
		f->clear |= o->flag;
		break;
	case PROPAGATION:
		f->propagation = o->flag;
		break;
	case REC_SET:
		if (is_rec_atime(o)) {
			f->rec_attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
			f->rec_attr_clr |= MOUNT_ATTR__ATIME;
		} else {
			f->rec_attr_clr &= ~(uint64_t)o->flag;
		}
		f->rec_attr_set |= o->flag;
		break;
	case REC_CLEAR:
		f->rec_attr_set &= ~(uint64_t)o->flag;
		f->rec_attr_clr |= is_rec_atime(o) ? MOUNT_ATTR__ATIME : o->flag;
		break;
	case BIND:
		f->bind = true;
		f->recursive |= o->flag == MS_REC;
		break;
	case TMPCOPYUP:
		f->tmpcopyup = true;
		break;
	}
}

int oci_mount_flags_parse(char *const *options, struct oci_mount_flags *ret, struct err *err)
{
	struct oci_mount_flags f = { 0 };
	_buf_ struct buf data = { 0 };

	for (size_t i = 0; options && options[i]; i++) {
		const struct option *o = bsearch(options[i], table, ARRAY_SIZE(table),
						 sizeof(table[0]), compare);

		if (o) {
			apply(&f, o);
		} else if (!strcmp(options[i], "idmap") || !strcmp(options[i], "ridmap")) {
			f.idmap = true;
		} else if (*options[i]) {
			if (data.len)
				buf_puts(&data, ",");
			buf_puts(&data, options[i]);
		}
	}
	if (data.len || !buf_ok(&data)) {
		f.data = buf_steal(&data);
		if (!f.data)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret = f;
	return 0;
}

void oci_mount_flags_done(struct oci_mount_flags *f)
{
	free(f->data);
	*f = (struct oci_mount_flags){ 0 };
}
