/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the guest's image tell without booting it. They are the installation's or the
 * administrator's, trusted, but may be damaged or of another make: what cannot be found out is unknown.
 */
#ifndef MOAT_LIBRUNTIME_GUEST_IMAGE_H
#define MOAT_LIBRUNTIME_GUEST_IMAGE_H

#include <stdbool.h>

#include "base/err.h"

struct guest_kernel {
	const char *kind; /* "ELF" or "bzImage"; NULL: neither */
	char *release; /* as of uname -r; NULL: unknown */
	char *package; /* that it comes from; NULL: unknown */
	char *config; /* the text of its configuration; NULL: not found */
	char *config_file; /* where that was */
};

/*
 * Release and package are those of `manifest` beside the kernel if that describes a file of this size, else what the
 * kernel says itself. The configuration is KERNEL.config, config-RELEASE beside the kernel or
 * ROOT/lib/modules/RELEASE/config, and must name the same version.
 */
int guest_kernel_read(const char *path, const char *root, struct guest_kernel *ret, struct err *err);
void guest_kernel_done(struct guest_kernel *k);
/* 'y', 'm', or 'n' for CONFIG_<symbol>; 0 without a configuration. */
char guest_kernel_option(const struct guest_kernel *k, const char *symbol);

struct guest_initramfs {
	char **names; /* of what is in it, without a leading "./"; NULL: not an uncompressed cpio archive */
	bool complete; /* there is nothing else behind the archive */
};

/* A cpio archive that ends early or makes no sense is -EBADMSG. */
int guest_initramfs_read(const char *path, struct guest_initramfs *ret, struct err *err);
void guest_initramfs_done(struct guest_initramfs *i);
bool guest_initramfs_has(const struct guest_initramfs *i, const char *name);

#endif
