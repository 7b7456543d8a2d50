/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/template.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "hypervisor/hv.h"
#include "monitor/client.h"
#include "monitor/memory_copy.h"
#include "monitor/vm.h"

#define DEVICES_MAX ((uint64_t)64 << 20) /* 100 to 400 KiB with QEMU 7.2 */

static bool is(const struct monitor *m, const char *what)
{
	return m->setup.template && strcmp(m->setup.template, what) == 0;
}

bool template_restoring(const struct monitor *m)
{
	return is(m, VM_TEMPLATE_RESTORE);
}

bool template_saving(const struct monitor *m)
{
	return is(m, VM_TEMPLATE_SAVE);
}

static uint64_t memory_size(const struct monitor *m)
{
	return (uint64_t)m->setup.memory << 20;
}

int template_begin(struct monitor *m, struct err *err)
{
	if (!template_restoring(m) && !template_saving(m))
		return 0;
	m->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (m->memory_fd < 0 || ftruncate(m->memory_fd, (off_t)memory_size(m)) < 0)
		return err_errno(err, errno, "memory of the guest");
	return 0;
}

int template_fill(struct monitor *m, struct err *err)
{
	_cleanup_(memory_sum_free_p) struct memory_sum *sum = NULL;
	char text[MEMORY_SUM_SIZE];
	uint64_t bytes = 0;
	int r;

	if (!template_restoring(m))
		return 0;
	r = memory_sum_new(&sum, err);
	if (r >= 0)
		r = memory_copy(MONITOR_FD_MEMORY, m->memory_fd, memory_size(m), sum, &bytes, err);
	if (r >= 0)
		r = memory_sum_file(MONITOR_FD_DEVICES, DEVICES_MAX, sum, err);
	if (r == -ESTALE)
		return err_set(err, VM_TEMPLATE_DAMAGED, "the template is damaged: it is truncated");
	if (r < 0)
		return r;
	memory_sum_text(sum, text);
	if (!m->setup.template_sum || strcmp(text, m->setup.template_sum) != 0)
		return err_set(err, VM_TEMPLATE_DAMAGED, "the template is damaged: its sum is %s",
			       text);
	log_debug("memory of the template copied: %llu KiB", (unsigned long long)bytes / 1024);
	return 0;
}

void template_filled(struct monitor *m)
{
	if (!template_restoring(m))
		return;
	m->memory_fd = fd_close(m->memory_fd);
	close(MONITOR_FD_MEMORY);
	close(MONITOR_FD_DEVICES);
}

/* ---- saving ---- */

static void answer(struct monitor *m, json_t *result, const struct err *err)
{
	struct client *c = m->saver;

	m->saver = NULL;
	if (c && err->code)
		client_error(c, m->save_request, err);
	else if (c)
		client_result(c, m->save_request, result);
}

/* The VM is paused: its memory does not change any more. */
static json_t *store(struct monitor *m, struct err *err)
{
	_cleanup_(memory_sum_free_p) struct memory_sum *sum = NULL;
	char text[MEMORY_SUM_SIZE];
	uint64_t bytes = 0;
	json_t *result;
	int r;

	r = memory_sum_new(&sum, err);
	if (r >= 0)
		r = memory_copy(m->memory_fd, MONITOR_FD_MEMORY, memory_size(m), sum, &bytes, err);
	if (r >= 0)
		r = memory_sum_file(MONITOR_FD_DEVICES, DEVICES_MAX, sum, err);
	if (r < 0)
		return NULL;
	memory_sum_text(sum, text);
	result = json_pack("{s:s, s:I}", "sum", text, "bytes", (json_int_t)bytes);
	if (!result)
		err_errno(err, ENOMEM, "template");
	return result;
}

static void on_saved(void *data, const struct err *err)
{
	struct monitor *m = data;
	struct err e = *err;
	json_t *result = e.code ? NULL : store(m, &e);

	answer(m, result, &e);
	json_decref(result);
}

static void try_save(struct monitor *m)
{
	struct err err = {};

	if (m->phase != VM_READY || !m->saver)
		return;
	if (m->hv->ops->save(m->hv, MONITOR_FD_DEVICES, on_saved, m, &err) < 0)
		answer(m, NULL, &err);
}

int template_save(struct client *c, uint32_t id, struct err *err)
{
	struct monitor *m = c->m;

	if (!c->creator || !template_saving(m))
		return err_set(err, EPERM, "this virtual machine does not become a template");
	if (m->saver)
		return err_set(err, EALREADY, "the template is being saved");
	if (m->phase == VM_ENDED)
		return err_set(err, ESRCH, "%s", m->failure.msg);
	m->saver = c;
	m->save_request = id;
	try_save(m);
	return 0;
}

void template_vm_ready(struct monitor *m)
{
	try_save(m);
}

void template_vm_ended(struct monitor *m, const struct err *err)
{
	if (m->saver)
		answer(m, NULL, err);
}
