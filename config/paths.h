/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where our own parts are, derived from the place of the running program
 * (/proc/self/exe) and from nothing else:
 *
 *	build tree    build/release/{moat,moat-monitor,moat-standin}, build/guest/{vmlinux,initramfs.cpio}
 *	installation  PREFIX/bin/moat, PREFIX/libexec/moat/{moat-monitor,moat-standin},
 *	              PREFIX/share/moat/{vmlinux,initramfs.cpio}
 *
 * A path is given whether the file exists or not: who uses it says what is missing.
 */
#ifndef MOAT_CONFIG_PATHS_H
#define MOAT_CONFIG_PATHS_H

#include "base/err.h"

struct moat_paths {
	char *program; /* moat itself */
	char *monitor, *standin; /* its helpers */
	char *kernel, *initrd; /* the guest image */
};

int moat_paths(struct moat_paths *ret, struct err *err);
/* The same for a program at the absolute path exe. */
int moat_paths_of(const char *exe, struct moat_paths *ret, struct err *err);
void moat_paths_done(struct moat_paths *p);

#endif
