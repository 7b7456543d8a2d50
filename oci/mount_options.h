/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts[].options (runtime-spec config.md "Linux mount options") as flags
 * for mount(2) and mount_setattr(2). The later of two options that
 * contradict each other wins. MS_BIND and MS_REC are never in set: bind and
 * recursive tell.
 */
#ifndef MOAT_OCI_MOUNT_OPTIONS_H
#define MOAT_OCI_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct oci_mount_flags {
	unsigned long set; /* MS_* to set */
	unsigned long clear; /* MS_* to clear (rw, suid, dev, exec, ...) */
	unsigned long propagation; /* MS_SHARED.. with MS_REC, 0: none */
	uint64_t rec_attr_set,
		rec_attr_clr; /* MOUNT_ATTR_* of the recursive options (rro, rnosuid, ...) */
	bool bind, recursive;
	bool tmpcopyup;
	bool idmap; /* idmap or ridmap was given: refused by the caller by name */
	char *data; /* what is left, comma-separated, for the file system; owned; NULL: nothing */
};

/* NULL options are none. Unknown options go to data as they are. 0 or -ENOMEM; *ret is the caller's then. */
int oci_mount_flags_parse(char *const *options, struct oci_mount_flags *ret, struct err *err);
void oci_mount_flags_done(struct oci_mount_flags *f);
/* All names that features lists under mountOptions, sorted, NULL-terminated: without idmap and ridmap. */
extern const char *const oci_mount_option_names[];

#endif
