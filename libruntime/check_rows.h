/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `moat check`: private to libruntime/check*.c. */
#ifndef MOAT_LIBRUNTIME_CHECK_ROWS_H
#define MOAT_LIBRUNTIME_CHECK_ROWS_H

#include <limits.h>

#include "config/config.h"
#include "config/paths.h"
#include "libruntime/check.h"
#include "libruntime/guest_image.h"
#include "libruntime/vm_config.h"

/* What the rows are made from. */
struct check {
	const struct rt *rt;
	const struct check_host *host;
	bool configured; /* config, paths, files and n_files are there; else config_err says why not */
	struct err config_err;
	struct moat_config config;
	struct moat_paths paths;
	struct vm_file files[VM_FILES];
	size_t n_files; /* the needed ones */
	struct guest_kernel kernel; /* empty if it could not be read */
	struct guest_initramfs initramfs;
	struct err initramfs_err;
};

/* A row says once what there is, and then perhaps what to do. */
void check_say(struct check_row *row, enum check_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_next(struct check_row *row, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whether the needed file is there; else the row says that it is not. */
bool check_file(const struct check *c, int file, struct check_row *row, const char *next);

/* A path of the host that is looked at. */
struct check_path {
	char s[PATH_MAX];
};
struct check_path check_path(const struct check *c, const char *path);
/* A file of proc or sysfs without its last newline, owned by the caller; NULL if it cannot be read. */
char *check_read(const struct check *c, const char *path);

typedef void (*check_fn)(const struct check *c, struct check_row *row);

/* check_vm.c: what is needed to start a VM */
void check_configuration(const struct check *c, struct check_row *row);
void check_helpers(const struct check *c, struct check_row *row);
void check_accelerator(const struct check *c, struct check_row *row);
void check_qemu(const struct check *c, struct check_row *row);
void check_virtiofsd(const struct check *c, struct check_row *row);

/* check_guest.c */
void check_guest_kernel(const struct check *c, struct check_row *row);
void check_guest_features(const struct check *c, struct check_row *row);
void check_guest_initramfs(const struct check *c, struct check_row *row);

/* check_template.c */
void check_template(const struct check *c, struct check_row *row);

/* check_kernel.c: the host's kernel */
void check_kernel(const struct check *c, struct check_row *row);
void check_namespaces(const struct check *c, struct check_row *row);
void check_seccomp(const struct check *c, struct check_row *row);
void check_overlay(const struct check *c, struct check_row *row);
void check_tun(const struct check *c, struct check_row *row);
void check_vhost_net(const struct check *c, struct check_row *row);
void check_vhost_vsock(const struct check *c, struct check_row *row);

/* check_host.c: how the host is set up */
void check_privileges(const struct check *c, struct check_row *row);
void check_hugepages(const struct check *c, struct check_row *row);
void check_iommu(const struct check *c, struct check_row *row);
void check_cgroups(const struct check *c, struct check_row *row);
void check_state_root(const struct check *c, struct check_row *row);

#endif
