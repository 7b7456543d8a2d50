/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file trees of a container, held by descriptor: the root file system and the source of each bind mount as
 * detached clones (open_tree(2)). Opened once, so that nothing can be exchanged between check and
 * use; cloned twice, for the share and for the stand-in's view.
 */
#ifndef MOAT_LIBRUNTIME_TREES_H
#define MOAT_LIBRUNTIME_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/monitor_world.h"
#include "libruntime/shm.h"
#include "devices/root_disk.h"
#include "devices/volume_plan.h"
#include "oci/config.h"

struct tree {
	size_t index; /* of config.mounts; SIZE_MAX: the root */
	int share, view; /* detached mounts; share: -EBADF if it is a disk */
	bool dir;
	bool readonly;
	struct shm shm; /* with a name: it is not shared, the guest has memory in its place */
};

struct trees {
	struct tree *v; /* v[0] is the root */
	size_t n;
	char *rootfs; /* absolute path of the root file system */
};

/* What is a disk of the VM instead. */
struct tree_disks {
	bool only; /* nothing may be shared */
	const struct volume_plan *volumes;
	struct root_disk *root; /* looked for if path is NULL and options are given; NULL: it is not to be one */
	const struct dev_options *options;
};

/*
 * Relative sources and root.path start at the bundle; disks have no tree, but the stand-in an empty root. Errors name the field and
 * the path. joining: see shm_look().
 */
int trees_open(int bundle_fd, const char *bundle, const struct oci_config *c, bool joining,
	       const struct tree_disks *disks, struct trees *ret, struct err *err);
void trees_done(struct trees *t);

/*
 * Moves the share clones to <share>/<id>/rootfs and <share>/<id>/m<index> inside the mount namespace of
 * the monitor, from a child process.
 */
int trees_fill_share(const struct trees *t, const struct monitor_ref *mon, const char *share,
		     const char *id, struct err *err);
/* Takes away whatever is below <share>/<id>, in the same way; nothing there is fine. */
int trees_clear_share(const struct monitor_ref *mon, const char *share, const char *id,
		      struct err *err);

#endif
