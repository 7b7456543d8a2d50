/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/jail.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "monitor/jail_vfio.h"
#include "monitor/monitor.h"

#define STAGE JAIL_STAGE

/* Read-only pieces of the host that dynamic linking and firmware look-ups need. Missing ones are skipped. */
static const char *const system_paths[] = {
	"/usr",
	"/lib",
	"/lib64",
	"/lib32",
	"/libx32",
	"/bin",
	"/sbin",
	"/etc/ld.so.cache",
	"/etc/alternatives",
	"/etc/qemu",
	NULL,
};

/* Device nodes of the jail's own: QEMU's uid gets those that the host keeps for root or a group. */
static const struct {
	const char *path;
	bool for_qemu;
} device_nodes[] = {
	{ "/dev/null", false },     { "/dev/zero", false }, { "/dev/random", false },
	{ "/dev/urandom", false },  { "/dev/kvm", true },   { "/dev/vhost-vsock", true },
	{ "/dev/vhost-net", true },
};

/* Covers STAGE; host paths below it must have been opened before. */
struct piece {
	int tree; /* detached mount */
	char *target; /* in the new root */
	bool dir;
};

struct pieces {
	struct piece *v;
	size_t n;
};

static void pieces_done(struct pieces *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->v[i].tree >= 0)
			close(p->v[i].tree);
		free(p->v[i].target);
	}
	free(p->v);
}

static int add_piece(struct pieces *p, const char *source, const char *target, bool optional,
		     struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
		.propagation = MS_PRIVATE,
	};
	_close_ int tree = -EBADF;
	struct piece *v;
	struct stat st;

	tree = (int)syscall(SYS_open_tree, AT_FDCWD, source,
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return optional && (errno == ENOENT || errno == EACCES) ?
			       0 :
			       err_errno(err, errno, "'%s'", source);
	if (fstat(tree, &st) < 0 || syscall(SYS_mount_setattr, tree, "",
					    AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_errno(err, errno, "'%s'", source);
	v = reallocarray(p->v, p->n + 1, sizeof(*v));
	if (!v)
		return err_errno(err, ENOMEM, "jail");
	p->v = v;
	v[p->n] = (struct piece){ .tree = -EBADF, .dir = S_ISDIR(st.st_mode) };
	v[p->n].target = strdup(target);
	if (!v[p->n].target)
		return err_errno(err, ENOMEM, "jail");
	v[p->n++].tree = take_fd(tree);
	return 0;
}

/* The directory of a program that the administrator keeps outside of /usr. */
static int add_program(struct pieces *p, const char *program, struct err *err)
{
	char dir[PATH_MAX], *slash;

	if (!program || program[0] != '/' || str_has_prefix(program, "/usr/") ||
	    str_has_prefix(program, "/bin/"))
		return 0;
	if (!realpath(program, dir))
		return err_errno(err, errno, "'%s'", program);
	slash = strrchr(dir, '/');
	if (slash == dir || str_has_prefix(dir, "/usr/"))
		return 0;
	*slash = '\0';
	return add_piece(p, dir, dir, false, err);
}

/* A symlink such as /lib -> usr/lib is made again instead of being followed. */
static int add_system(struct pieces *p, const char *path, struct err *err)
{
	char link[PATH_MAX], target[PATH_MAX];
	ssize_t n = readlink(path, link, sizeof(link) - 1);

	if (n < 0)
		return add_piece(p, path, path, true, err);
	link[n] = '\0';
	snprintf(target, sizeof(target), STAGE "%s", path);
	if (symlink(link, target) < 0 && errno != EEXIST)
		return err_errno(err, errno, "jail: symlink %s", path);
	return 0;
}

static int place(int root, const struct piece *pc, struct err *err)
{
	_close_ int at = -EBADF;

	at = pc->dir ? path_mkdirs_in(root, pc->target, 0755, err) :
		       path_touch_in(root, pc->target, 0600, err);
	if (at < 0)
		return err_wrap(err, "jail: %s", pc->target);
	if (syscall(SYS_move_mount, pc->tree, "", at, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(err, errno, "jail: mount %s", pc->target);
	return 0;
}

static int make_devices(uid_t qemu, struct err *err)
{
	char path[64];
	struct stat st;
	size_t i;

	if (mkdir(STAGE "/dev", 0755) < 0)
		return err_errno(err, errno, "jail: /dev");
	for (i = 0; i < ARRAY_SIZE(device_nodes); i++) {
		if (stat(device_nodes[i].path, &st) < 0 || !S_ISCHR(st.st_mode))
			continue;
		snprintf(path, sizeof(path), STAGE "%s", device_nodes[i].path);
		if (mknod(path, S_IFCHR | 0600, st.st_rdev) < 0 ||
		    (device_nodes[i].for_qemu ? chown(path, qemu, qemu) : chmod(path, 0666)) < 0)
			return err_errno(err, errno, "jail: %s", device_nodes[i].path);
	}
	return 0;
}

static int make_share(struct err *err)
{
	/* Shared, so that trees moved in later show up in virtiofsd's own namespace too. */
	if (mkdir(STAGE MONITOR_SHARE_DIR, 0700) < 0 ||
	    mount("share", STAGE MONITOR_SHARE_DIR, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0755,size=4m,nr_inodes=64k") < 0 ||
	    mount(NULL, STAGE MONITOR_SHARE_DIR, NULL, MS_SHARED, NULL) < 0)
		return err_errno(err, errno, "jail: %s", MONITOR_SHARE_DIR);
	return 0;
}

/* Where QEMU listens for the switches of its network, see relay.h. */
static int make_sockets(const struct vm_setup *s, struct err *err)
{
	uid_t qemu = s->uid ? s->uid + 1 : 0;
	char options[96];
	bool wanted = false;

	for (size_t i = 0; i < s->n_devices; i++)
		wanted |= strcmp(s->devices[i].kind, VM_DEVICE_VHOST_NET) == 0;
	if (!wanted)
		return 0;
	snprintf(options, sizeof(options), "mode=0700,uid=%u,gid=%u,size=64k,nr_inodes=32", qemu,
		 qemu);
	if (mkdir(STAGE JAIL_SOCKETS, 0755) < 0 ||
	    mount("vhost", STAGE JAIL_SOCKETS, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) <
		    0)
		return err_errno(err, errno, "jail: " JAIL_SOCKETS);
	return 0;
}

static int enter_root(struct err *err)
{
	if (chdir(STAGE) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(err, errno, "jail: pivot_root");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_errno(err, errno, "jail: /proc");
	/* Only /run, for the one socket that needs a name until it is connected, stays writable, to root. */
	if (mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0700,size=64k,nr_inodes=16") < 0 ||
	    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0)
		return err_errno(err, errno, "jail: read-only root");
	return 0;
}

static int collect(struct pieces *p, const struct vm_setup *s, struct err *err)
{
	int r = 0;

	if (strcmp(s->hypervisor, "fake") != 0) {
		if (add_piece(p, s->kernel, JAIL_KERNEL, false, err) < 0)
			return err_wrap(err, "kernel");
		if (add_piece(p, s->initrd, JAIL_INITRD, false, err) < 0)
			return err_wrap(err, "initrd");
		r = add_program(p, s->path, err);
		if (r >= 0)
			r = add_program(p, s->virtiofsd, err);
		if (r >= 0 && s->firmware && s->firmware[0] == '/' &&
		    !str_has_prefix(s->firmware, "/usr/"))
			r = add_piece(p, s->firmware, s->firmware, false, err);
	}
	return r;
}

static int build(const struct vm_setup *s, struct err *err)
{
	_cleanup_(pieces_done) struct pieces p = {};
	_close_ int root = -EBADF;
	const char *const *v;
	size_t i;
	int r;

	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
		return err_errno(err, errno, "jail: new namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, errno, "jail: /");
	r = collect(&p, s, err);
	if (r < 0)
		return r;
	if (mount("moat", STAGE, "tmpfs", MS_NOSUID, "mode=0755,size=1m,nr_inodes=1k") < 0)
		return err_errno(err, errno, "jail: root");
	root = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(err, errno, "jail: root");
	for (v = system_paths; r >= 0 && *v; v++)
		r = add_system(&p, *v, err);
	for (i = 0; r >= 0 && i < p.n; i++)
		r = place(root, &p.v[i], err);
	if (r < 0)
		return r;
	if (mkdir(STAGE "/proc", 0555) < 0 || mkdir(STAGE "/run", 0755) < 0)
		return err_errno(err, errno, "jail: directories");
	r = make_devices(s->uid ? s->uid + 1 : 0, err);
	if (r >= 0)
		r = jail_add_vfio(s, s->uid ? s->uid + 1 : 0, err);
	if (r >= 0)
		r = make_share(err);
	if (r >= 0)
		r = make_sockets(s, err);
	return r < 0 ? r : enter_root(err);
}

int jail_enter(const struct vm_setup *s, struct err *err)
{
	/* QEMU reads it with a uid of its own. */
	mode_t saved = umask(022);
	int r = build(s, err);

	umask(saved);
	return r;
}
