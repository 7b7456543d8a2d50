/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where our own parts are, derived from the place of the file that holds this code, which is the running program or
 * libmoat.so, or from the one that was named, and from nothing else:
 *
 *	build tree    build/release/{moat,libmoat.so.0,moat-monitor,moat-standin}, build/guest/{vmlinux,initramfs.cpio}
 *	installation  PREFIX/bin/moat, PREFIX/lib/libmoat.so.0 (or one directory further down),
 *	              PREFIX/libexec/moat/{moat-monitor,moat-standin}, PREFIX/share/moat/{vmlinux,initramfs.cpio}
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
/*
 * From now on the parts are those of the program moat at this absolute path; NULL: as at first. Of the whole process, and not to be
 * called while another thread uses them.
 */
int moat_paths_set(const char *exe, struct err *err);
/* The same for a program, or a library, at the absolute path exe. */
int moat_paths_of(const char *exe, struct moat_paths *ret, struct err *err);
void moat_paths_done(struct moat_paths *p);

#endif
