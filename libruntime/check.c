/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/check.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "libruntime/check_rows.h"
#include "wire/message.h"

#define TEXT_MAX 8192
#define PROC_FILE_MAX ((size_t)1 << 20)

enum when {
	ALWAYS,
	CONFIGURED, /* if the configuration could be read */
	WITH_VM, /* and the hypervisor is a real one */
};

static const struct {
	const char *name;
	enum when when;
	check_fn fn;
} rows[] = {
	{ "configuration", ALWAYS, check_configuration },
	{ "privileges", ALWAYS, check_privileges },
	{ "helpers", CONFIGURED, check_helpers },
	{ "accelerator", WITH_VM, check_accelerator },
	{ "qemu", WITH_VM, check_qemu },
	{ "virtiofsd", WITH_VM, check_virtiofsd },
	{ "guest-kernel", WITH_VM, check_guest_kernel },
	{ "guest-features", WITH_VM, check_guest_features },
	{ "guest-initramfs", WITH_VM, check_guest_initramfs },
	{ "kernel", ALWAYS, check_kernel },
	{ "namespaces", ALWAYS, check_namespaces },
	{ "seccomp", ALWAYS, check_seccomp },
	{ "overlay", ALWAYS, check_overlay },
	{ "tun", ALWAYS, check_tun },
	{ "vhost-net", ALWAYS, check_vhost_net },
	{ "vhost-vsock", CONFIGURED, check_vhost_vsock },
	{ "hugepages", ALWAYS, check_hugepages },
	{ "iommu", ALWAYS, check_iommu },
	{ "cgroups", ALWAYS, check_cgroups },
	{ "state-root", ALWAYS, check_state_root },
	{ "template", WITH_VM, check_template },
};

/* No argument is valid, so that nothing happens but the answer. */
static int probe_call(long nr)
{
	if (syscall(nr, -1L, -1L, -1L, -1L, -1L) >= 0)
		return 0;
	/* EPERM: hidden by somebody's filter */
	return errno == ENOSYS || errno == EPERM ? -errno : 0;
}

/* ---- for the rows ---- */

/* As one line of UTF-8, whatever a path or program had in it. */
static char *text(const char *fmt, va_list ap)
{
	char raw[TEXT_MAX], clean[TEXT_MAX];

	vsnprintf(raw, sizeof(raw), fmt, ap);
	wire_clean_text(clean, sizeof(clean), raw);
	return strdup(clean);
}

void check_say(struct check_row *row, enum check_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(row->detail);
	row->detail = text(fmt, ap);
	row->status = status;
	va_end(ap);
}

void check_next(struct check_row *row, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(row->next);
	row->next = text(fmt, ap);
	va_end(ap);
}

bool check_file(const struct check *c, int file, struct check_row *row, const char *next)
{
	struct err err = {};

	if (vm_config_need(&c->files[file], &err) >= 0)
		return true;
	check_say(row, CHECK_MISSING, "%s", err.msg);
	check_next(row, "%s", next);
	return false;
}

struct check_path check_path(const struct check *c, const char *path)
{
	struct check_path p;

	snprintf(p.s, sizeof(p.s), "%s%s", c->host->root, path);
	return p;
}

char *check_read(const struct check *c, const char *path)
{
	char *content = NULL;
	size_t len = 0;

	if (io_read_file(AT_FDCWD, check_path(c, path).s, PROC_FILE_MAX, &content, &len, NULL) < 0)
		return NULL;
	if (len && content[len - 1] == '\n')
		content[len - 1] = '\0';
	return content;
}

/* ---- the report ---- */

static void load(struct check *c)
{
	int r;

	r = config_load(c->rt->config, &c->config, &c->config_err);
	if (r >= 0)
		r = moat_paths(&c->paths, &c->config_err);
	if (r < 0)
		return;
	c->configured = true;
	c->n_files = vm_config_files(&c->config, &c->paths, c->files);
	if (c->n_files < VM_FILES)
		return;
	(void)guest_kernel_read(c->files[VM_FILE_KERNEL].path, c->host->root, &c->kernel, NULL);
	(void)guest_initramfs_read(c->files[VM_FILE_INITRD].path, &c->initramfs, &c->initramfs_err);
}

static void check_done(struct check *c)
{
	config_done(&c->config);
	moat_paths_done(&c->paths);
	guest_kernel_done(&c->kernel);
	guest_initramfs_done(&c->initramfs);
}

static bool applies(const struct check *c, enum when when)
{
	return when == ALWAYS || (c->configured && (when == CONFIGURED || c->n_files == VM_FILES));
}

int check_run(const struct rt *rt, const struct check_host *host, struct check_report *ret,
	      struct err *err)
{
	const struct check_host here = { .root = "", .uid = geteuid(), .probe = probe_call };
	_cleanup_(check_done) struct check c = { .rt = rt, .host = host ? host : &here };
	_cleanup_(check_report_done) struct check_report report = {};
	struct check_row *row;
	size_t i;

	report.rows = calloc(ARRAY_SIZE(rows), sizeof(*report.rows));
	if (!report.rows)
		return err_errno(err, ENOMEM, "check");
	load(&c);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!applies(&c, rows[i].when))
			continue;
		row = &report.rows[report.n++];
		row->name = rows[i].name;
		rows[i].fn(&c, row);
		if (!row->next)
			row->next = strdup("");
		if (!row->detail || !row->next)
			return err_errno(err, ENOMEM, "check");
	}
	*ret = report;
	report = (struct check_report){};
	return 0;
}

void check_report_done(struct check_report *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		free(r->rows[i].detail);
		free(r->rows[i].next);
	}
	free(r->rows);
	*r = (struct check_report){};
}

bool check_report_ok(const struct check_report *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->rows[i].status == CHECK_MISSING)
			return false;
	return true;
}

const char *check_status_name(enum check_status s)
{
	static const char *const names[] = { "ok", "info", "degraded", "missing" };

	return names[s];
}
