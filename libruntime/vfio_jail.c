/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/vfio_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/memlock.h"
#include "libruntime/monitor_client.h"

#define RECORDS "vfio"
#define NODES "/dev/vfio"
#define CONTAINER "vfio" /* /dev/vfio/vfio: what groups are put into */
#define DEVICES "/sys/bus/pci/devices"
#define LOCK_TRIES 100 /* of 50 ms: others hold it for as long as a few calls take */

/* One command at a time; the lock ends with the descriptor. */
static int open_records(int root, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	_close_ int dir = openat(root, RECORDS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	for (int i = 0; flock(dir, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return err_errno(err, errno, "jail: lock of /" RECORDS);
		nanosleep(&pause, NULL);
	}
	return take_fd(dir);
}

static int count_devices(int root, size_t *ret, struct err *err)
{
	_close_ int dir = path_open_in(root, DEVICES, O_RDONLY | O_DIRECTORY, 0);
	_strv_ char **names = NULL;
	int r;

	if (dir < 0)
		return err_errno(err, -dir, "jail: " DEVICES);
	r = path_list(dir, &names, err);
	if (r >= 0)
		*ret = strv_len(names);
	return r;
}

/* ---- making ---- */

static int make_node(int dir, const char *name, dev_t number, uid_t qemu, struct err *err)
{
	if (mknodat(dir, name, S_IFCHR | 0600, number) < 0)
		return errno == EEXIST ? 0 : err_errno(err, errno, "jail: " NODES "/%s", name);
	return fchownat(dir, name, qemu, qemu, AT_SYMLINK_NOFOLLOW) < 0 ?
		       err_errno(err, errno, "jail: " NODES "/%s", name) :
		       0;
}

static int make_nodes(int root, unsigned int group, dev_t container, dev_t node, uid_t qemu,
		      struct err *err)
{
	_close_ int dir = path_mkdirs_in(root, NODES, 0755, err);
	char name[16];
	int r = dir < 0 ? dir : make_node(dir, CONTAINER, container, qemu, err);

	if (r < 0)
		return r;
	/* Nobody has the group, which was found out before: a node of that name would be an old one. */
	snprintf(name, sizeof(name), "%u", group);
	(void)unlinkat(dir, name, 0);
	return make_node(dir, name, node, qemu, err);
}

/* As monitor/jail_vfio.c does. */
static int make_link(int root, const char *address, unsigned int group, struct err *err)
{
	char path[64], target[64];
	_close_ int dir = -EBADF;

	snprintf(path, sizeof(path), DEVICES "/%s", address);
	dir = path_mkdirs_in(root, path, 0755, err);
	if (dir < 0)
		return dir;
	snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%u", group);
	return symlinkat(target, dir, "iommu_group") < 0 && errno != EEXIST ?
		       err_errno(err, errno, "jail: %s/iommu_group", path) :
		       0;
}

int vfio_jail_make(int root, const char *id, const struct vfio_group *g, dev_t container,
		   dev_t node, uid_t qemu, size_t *ret_devices, struct err *err)
{
	_free_ char *record = str_printf("%u/%s", g->number, id);
	_close_ int records = -EBADF;
	int r;

	if (!record)
		return err_errno(err, ENOMEM, "jail");
	if (mkdirat(root, RECORDS, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "jail: /" RECORDS);
	records = open_records(root, err);
	if (records < 0)
		return err_errno(err, -records, "jail: /" RECORDS);
	/* First, so that whatever is there has an owner. */
	for (size_t i = 0; i < g->n; i++) {
		if (symlinkat(record, records, g->v[i].address) == 0)
			continue;
		return errno == EEXIST ?
			       err_set(err, EBUSY,
				       "another container of this virtual machine has PCI device %s",
				       g->v[i].address) :
			       err_errno(err, errno, "jail: /" RECORDS "/%s", g->v[i].address);
	}
	r = make_nodes(root, g->number, container, node, qemu, err);
	for (size_t i = 0; r >= 0 && i < g->n; i++)
		r = make_link(root, g->v[i].address, g->number, err);
	return r < 0 ? r : count_devices(root, ret_devices, err);
}

/* ---- removing ---- */

static void remove_device(int root, const char *address, unsigned int group)
{
	_close_ int nodes = path_open_in(root, NODES, O_PATH | O_DIRECTORY, 0);
	_close_ int devices = path_open_in(root, DEVICES, O_PATH | O_DIRECTORY, 0);
	char name[64];

	snprintf(name, sizeof(name), "%s/iommu_group", address);
	if (devices >= 0) {
		(void)unlinkat(devices, name, 0);
		(void)unlinkat(devices, address, AT_REMOVEDIR);
	}
	snprintf(name, sizeof(name), "%u", group);
	if (nodes >= 0)
		(void)unlinkat(nodes, name, 0);
}

/* The group, if the record is one of that container's. */
static bool is_of(int records, const char *address, const char *id, uint32_t *ret_group)
{
	char target[PATH_MAX], *slash;
	ssize_t n = readlinkat(records, address, target, sizeof(target) - 1);

	if (n < 0 || !vfio_is_address(address))
		return false;
	target[n] = '\0';
	slash = strchr(target, '/');
	if (!slash || strcmp(slash + 1, id) != 0)
		return false;
	*slash = '\0';
	return num_u32(target, 0, INT_MAX, ret_group) >= 0;
}

int vfio_jail_clear(int root, const char *id, size_t *ret_devices, struct err *err)
{
	_close_ int records = open_records(root, err), nodes = -EBADF;
	_strv_ char **names = NULL;
	uint32_t group;
	int r;

	if (records == -ENOENT)
		return count_devices(root, ret_devices, err);
	r = records < 0 ? err_errno(err, -records, "jail: /" RECORDS) :
			  path_list(records, &names, err);
	for (char **name = names; r >= 0 && name && *name; name++) {
		if (!is_of(records, *name, id, &group))
			continue;
		remove_device(root, *name, group);
		if (unlinkat(records, *name, 0) < 0)
			r = err_errno(err, errno, "jail: /" RECORDS "/%s", *name);
	}
	if (r >= 0)
		r = count_devices(root, ret_devices, err);
	if (r >= 0 && *ret_devices == 0 &&
	    (nodes = path_open_in(root, NODES, O_PATH | O_DIRECTORY, 0)) >= 0)
		(void)unlinkat(nodes, CONTAINER, 0);
	return r;
}

/* ---- in the jail of a monitor ---- */

struct work {
	const char *id;
	const struct vfio_group *group; /* NULL: removing */
	dev_t container, node;
	uid_t qemu;
	uint32_t memory;
	struct memlock lock;
};

/* Its root is mounted read-only, and stays so. Nothing that is mounted on it is in the clone: no path leads out of it. */
static int writable_root(int root, struct err *err)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };
	_close_ int tree = (int)syscall(SYS_open_tree, root, "",
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_errno(err, errno, "jail: root");
	return take_fd(tree);
}

static int add(int dir, void *data, struct err *err)
{
	const struct work *w = data;
	_close_ int root = writable_root(dir, err);
	size_t devices = 0;
	int r;

	umask(022); /* QEMU has a uid of its own */
	r = root < 0 ? root :
		       vfio_jail_make(root, w->id, w->group, w->container, w->node, w->qemu,
				      &devices, err);
	return r < 0 ? r : memlock_raise(&w->lock, vfio_locked_bytes(w->memory, devices), err);
}

static int clear(int dir, void *data, struct err *err)
{
	const struct work *w = data;
	_close_ int root = writable_root(dir, err);
	size_t devices = 0;
	int r = root < 0 ? root : vfio_jail_clear(root, w->id, &devices, err);

	if (r >= 0 && devices == 0 && w->lock.pidfd >= 0)
		memlock_lower(&w->lock);
	return r;
}

static int number_of(const char *path, dev_t *ret, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, errno, "'%s'", path);
	if (!S_ISCHR(st.st_mode))
		return err_set(err, ENODEV, "'%s' is not a character device", path);
	*ret = st.st_rdev;
	return 0;
}

int vfio_jail_add(const struct monitor_ref *mon, const char *id, const struct vfio_group *g,
		  uint32_t memory_mib, struct err *err)
{
	struct work w = { .id = id,
			  .group = g,
			  .qemu = monitor_hypervisor_uid(mon->pid),
			  .memory = memory_mib,
			  .lock = MEMLOCK_INIT };
	int r = number_of(NODES "/" CONTAINER, &w.container, err);

	if (r >= 0)
		r = number_of(g->node, &w.node, err);
	if (r >= 0)
		r = memlock_find(mon, &w.lock, err);
	if (r >= 0)
		r = monitor_world_run(mon, "/", add, &w, err);
	memlock_done(&w.lock);
	return r;
}

int vfio_jail_remove(const struct monitor_ref *mon, const char *id, struct err *err)
{
	struct work w = { .id = id, .lock = MEMLOCK_INIT };
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/root/" RECORDS, mon->pid);
	if (access(path, F_OK) < 0)
		return 0;
	(void)memlock_find(mon, &w.lock, NULL);
	r = monitor_world_run(mon, "/", clear, &w, err);
	memlock_done(&w.lock);
	return r;
}
