/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/trees.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/mount_options.h"

void trees_done(struct trees *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		fd_close(t->v[i].share);
		fd_close(t->v[i].view);
	}
	free(t->v);
	free(t->rootfs);
	*t = (struct trees){};
}

/*
 * A private clone without set-user-ID and device nodes for the host; the guest
 * has its own mount flags. attr: what the configuration asks for on top.
 */
static int clone_tree(int fd, bool recursive, const struct mount_attr *attr, bool attr_recursive)
{
	struct mount_attr base = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
				   .propagation = MS_PRIVATE };
	_close_ int tree = -EBADF;

	tree = (int)syscall(SYS_open_tree, fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				    (recursive ? AT_RECURSIVE : 0));
	if (tree < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &base,
		    sizeof(base)) < 0)
		return -errno;
	if ((attr->attr_set || attr->attr_clr) &&
	    syscall(SYS_mount_setattr, tree, "",
		    AT_EMPTY_PATH | (attr_recursive ? AT_RECURSIVE : 0), attr, sizeof(*attr)) < 0)
		return -errno;
	return take_fd(tree);
}

static struct tree *add(struct trees *t)
{
	struct tree *v = reallocarray(t->v, t->n + 1, sizeof(*v));

	if (!v)
		return NULL;
	t->v = v;
	v[t->n] = (struct tree){ .share = -EBADF, .view = -EBADF };
	return &v[t->n++];
}

/* A relative path must stay in the bundle: a symlink out of it is somebody else's tree. */
static int resolve_root(int bundle_fd, const char *bundle, const char *path, char real[PATH_MAX],
			struct err *err)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	_free_ char *joined = path[0] == '/' ? strdup(path) : path_join(bundle, path);
	_close_ int fd = -EBADF;
	struct stat st;
	ssize_t n;

	if (!joined)
		return err_errno(err, ENOMEM, "root.path");
	if (path[0] != '/')
		how.resolve |= RESOLVE_BENEATH;
	fd = (int)syscall(SYS_openat2, bundle_fd, path, &how, sizeof(how));
	if (fd < 0 && errno == EXDEV)
		return err_set(err, EXDEV, "invalid rootfs: root.path '%s' leads out of the bundle",
			       path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "invalid rootfs: stat %s", joined);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "invalid rootfs: root.path '%s' is not a directory",
			       joined);
	n = readlink(path_of_fd(fd).s, real, PATH_MAX - 1);
	if (n < 0)
		return err_errno(err, errno, "invalid rootfs: %s", joined);
	real[n] = '\0';
	if (strcmp(real, "/") == 0)
		return err_set(err, EINVAL, "invalid rootfs: root.path must not be /");
	return take_fd(fd);
}

/* What the host can show of a root that is a disk of the VM: mount points. */
static int empty_root(struct err *err)
{
	_close_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int r;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(err, errno, "root.path: empty root");
	r = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return r < 0 ? err_errno(err, errno, "root.path: empty root") : r;
}

/* Before anything holds the file system. Once it is unmounted there is nothing to look at any more. why: it is none. */
static int find_disk(int dir, const char *path, const struct tree_disks *disks, struct err *why)
{
	int r;

	if (!disks->root || disks->root->path)
		return 0;
	r = root_disk_find(dir, path, disks->options, disks->root, why);
	if (r >= 0 && !disks->root->path)
		log_debug("root.path '%s' is no disk: %s", path, why->msg);
	return r;
}

static int open_root(int bundle_fd, const char *bundle, const struct oci_config *c,
		     const struct tree_disks *disks, struct trees *t, struct err *err)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY }, none = {};
	_close_ int fd = -EBADF;
	char real[PATH_MAX];
	struct err why = {};
	struct tree *tree;
	int r;

	fd = resolve_root(bundle_fd, bundle, c->root.path, real, err);
	if (fd < 0)
		return fd;
	t->rootfs = strdup(real);
	tree = t->rootfs ? add(t) : NULL;
	if (!tree)
		return err_errno(err, ENOMEM, "root.path");
	tree->index = SIZE_MAX;
	tree->dir = true;
	tree->readonly = c->root.readonly;
	r = find_disk(fd, real, disks, &why);
	if (r < 0)
		return err_set(err, why.code, "%s", why.msg);
	if (disks->root && disks->root->path) {
		tree->view = empty_root(err);
		return tree->view < 0 ? tree->view : 0;
	}
	if (disks->only)
		return err_set(
			err, EINVAL,
			"root.path '%s' is no device of its own (%s), and shared_fs = \"none\"",
			real, disks->root ? why.msg : "disable_block_device_use");
	tree->share = clone_tree(fd, true, c->root.readonly ? &ro : &none, false);
	/* The stand-in makes missing mount points in it and turns read-only afterwards. */
	tree->view = tree->share < 0 ? tree->share : clone_tree(fd, true, &none, false);
	if (tree->view < 0)
		return err_errno(err, -tree->view, "root.path '%s'", real);
	return 0;
}

/* /proc, /sys and /dev are the guest's own: what the host has there means nothing in a VM. */
static bool from_guest(const char *source)
{
	static const char *const dirs[] = { "/proc", "/sys", "/dev" };
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		n = strlen(dirs[i]);
		if (strncmp(source, dirs[i], n) == 0 && (source[n] == '/' || source[n] == '\0') &&
		    !str_has_prefix(source, "/dev/shm/"))
			return true;
	}
	return false;
}

static int open_bind(int bundle_fd, const struct oci_mount *m, size_t index, bool joining,
		     const struct tree_disks *disks, struct trees *t, struct err *err)
{
	struct oci_mount_flags flags = {};
	struct mount_attr attr = {};
	_close_ int fd = -EBADF;
	struct tree *tree;
	struct stat st;
	bool recursive;
	int r;

	if (!m->source || !*m->source)
		return err_set(err, EINVAL, "mounts[%zu].source is required for a bind mount",
			       index);
	if (disks->only)
		return err_set(
			err, EINVAL,
			"mounts[%zu]: '%s' is no volume, and with shared_fs = \"none\" nothing is shared",
			index, m->source);
	r = oci_mount_flags_parse(m->options, &flags, err);
	if (r < 0)
		return err_wrap(err, "mounts[%zu]", index);
	recursive = flags.recursive;
	attr.attr_set = flags.rec_attr_set & MOUNT_ATTR_RDONLY;
	if (flags.set & MS_RDONLY)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	bool rec_attr = flags.rec_attr_set & MOUNT_ATTR_RDONLY;
	oci_mount_flags_done(&flags);

	fd = openat(bundle_fd, m->source, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "error mounting \"%s\" to rootfs at \"%s\": stat %s",
				 m->source, m->destination, m->source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(
			err, ENOTSUP,
			"error mounting \"%s\" to rootfs at \"%s\": only files and directories can be shared with a VM",
			m->source, m->destination);
	tree = add(t);
	if (!tree)
		return err_errno(err, ENOMEM, "mounts[%zu]", index);
	tree->index = index;
	tree->dir = S_ISDIR(st.st_mode);
	tree->readonly = attr.attr_set & MOUNT_ATTR_RDONLY;
	/* In a pod that runs it may be in use by now: then what is in it came from elsewhere. */
	shm_look(m, fd, !joining, &tree->shm);
	tree->share = clone_tree(fd, recursive, &attr, rec_attr);
	tree->view = tree->share < 0 ? tree->share : clone_tree(fd, recursive, &attr, rec_attr);
	if (tree->view < 0)
		return err_errno(err, -tree->view, "error mounting \"%s\" to rootfs at \"%s\"",
				 m->source, m->destination);
	return 0;
}

int trees_open(int bundle_fd, const char *bundle, const struct oci_config *c, bool joining,
	       const struct tree_disks *disks, struct trees *ret, struct err *err)
{
	struct trees t = {};
	size_t i;
	int r;

	r = open_root(bundle_fd, bundle, c, disks, &t, err);
	for (i = 0; r >= 0 && i < c->n_mounts; i++)
		if (oci_mount_is_bind(&c->mounts[i]) && !volume_plan_has(disks->volumes, i) &&
		    !from_guest(c->mounts[i].source ? c->mounts[i].source : ""))
			r = open_bind(bundle_fd, &c->mounts[i], i, joining, disks, &t, err);
	if (r < 0) {
		trees_done(&t);
		return r;
	}
	*ret = t;
	return 0;
}

/* ---- in the monitor's mount namespace ---- */

static int place(int dir, const struct tree *t, struct err *err)
{
	_close_ int at = -EBADF;
	char name[32];

	if (t->index == SIZE_MAX)
		snprintf(name, sizeof(name), "rootfs");
	else
		snprintf(name, sizeof(name), "m%zu", t->index);
	at = t->dir ? path_mkdirs_in(dir, name, 0755, err) : path_touch_in(dir, name, 0644, err);
	if (at < 0)
		return at;
	if (syscall(SYS_move_mount, t->share, "", at, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(err, errno, "share %s", name);
	return 0;
}

struct share {
	const char *id;
	const struct trees *trees; /* NULL: to be cleared */
};

static int fill(int share, void *data, struct err *err)
{
	const struct share *s = data;
	const struct trees *t = s->trees;
	_close_ int dir = path_mkdirs_in(share, s->id, 0755, err);
	int r = dir < 0 ? dir : 0;

	for (size_t i = 0; r >= 0 && i < t->n; i++)
		if (!*t->v[i].shm.name && t->v[i].share >= 0)
			r = place(dir, &t->v[i], err);
	return r;
}

/* By name in the current directory: this process does not see itself in the monitor's /proc. */
static int clear(int share, void *data, struct err *err)
{
	const char *id = ((const struct share *)data)->id;
	_close_ int dir = openat(share, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_strv_ char **names = NULL;
	int r;

	if (dir < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "share of '%s'", id);
	r = path_list(dir, &names, err);
	if (r >= 0 && fchdir(dir) < 0)
		r = err_errno(err, errno, "share of '%s'", id);
	for (size_t i = 0; r >= 0 && names && names[i]; i++)
		while (umount2(names[i], MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
	/* It crosses no mount: what could not be taken away is an error, and stays whole. */
	return r < 0 ? r : path_remove_tree(share, id, err);
}

int trees_fill_share(const struct trees *t, const struct monitor_ref *mon, const char *share,
		     const char *id, struct err *err)
{
	struct share s = { .id = id, .trees = t };

	return monitor_world_run(mon, share, fill, &s, err);
}

int trees_clear_share(const struct monitor_ref *mon, const char *share, const char *id,
		      struct err *err)
{
	struct share s = { .id = id };

	return monitor_world_run(mon, share, clear, &s, err);
}
