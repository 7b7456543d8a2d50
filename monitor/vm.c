/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vm.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "monitor/agent.h"
#include "monitor/client.h"
#include "monitor/container.h"
#include "monitor/journal.h"
#include "monitor/plug.h"
#include "monitor/resize.h"
#include "monitor/template.h"
#include "monitor/vsock.h"

#define SHUTDOWN_TIMEOUT_MS 2000 /* for the guest to end */
#define WRITE_BACK_MS 15000 /* for one that has disks to write to */
#define QUIT_TIMEOUT_MS 2000 /* for the hypervisor to end by itself */
#define LOST_TIMEOUT_MS \
	1000 /* from the end of something that ends with the hypervisor to its own report */

/* ---- the end ---- */

static void vm_ended(struct monitor *m)
{
	struct err err = m->failure;

	if (m->phase == VM_ENDED)
		return;
	m->phase = VM_ENDED;
	m->boot_timer = loop_remove(m->boot_timer);
	m->end_timer = loop_remove(m->end_timer);
	m->lost_timer = loop_remove(m->lost_timer);
	if (!err.code)
		err_set(&err, ESRCH, "the virtual machine has ended");
	vsock_listener_free(m->vsock);
	m->vsock = NULL;
	agent_free(m->agent);
	m->agent = NULL;
	plugs_vm_ended(m, &err);
	resize_vm_ended(m, &err);
	containers_vm_ended(m, &err);
	template_vm_ended(m, &err);
	log_info("ended: %s", m->failure.code ? m->failure.msg : "in order");
	vm_maybe_exit(m);
}

void vm_maybe_exit(struct monitor *m)
{
	if (m->phase == VM_ENDED && !clients_busy(m))
		monitor_exit(m);
}

/* What does not quit by itself dies with this process, which has no right to kill it earlier. */
static void on_quit_timeout(struct loop_source *src, void *data)
{
	(void)src;
	vm_ended(data);
}

/* The timer also serves where there is nothing to wait for: nothing ends from inside its caller. */
static void end_in(struct monitor *m, int ms)
{
	m->quitting = true;
	loop_remove(m->end_timer);
	m->end_timer = loop_add_timer(m->loop, ms, on_quit_timeout, m, NULL);
	if (!m->end_timer)
		monitor_exit(m);
}

void vm_end_now(struct monitor *m)
{
	if (m->phase == VM_ENDED || m->quitting)
		return;
	m->phase = VM_ENDING;
	log_debug("hypervisor is told to quit");
	end_in(m, m->hv && m->hv->ops->quit(m->hv, NULL) >= 0 ? QUIT_TIMEOUT_MS : 0);
}

void vm_kill(struct monitor *m)
{
	if (m->phase == VM_ENDED)
		return;
	m->phase = VM_ENDING;
	end_in(m, 0);
}

static void on_shutdown_reply(void *data, json_t *result, const struct err *err)
{
	(void)result;
	(void)err;
	log_debug("guest is shut down");
	vm_end_now(data);
}

static bool has_disks(const struct monitor *m)
{
	for (size_t i = 0; i < m->setup.n_devices; i++) {
		const struct vm_device *d = &m->setup.devices[i];

		if (!d->readonly && strcmp(d->kind, VM_DEVICE_NET) != 0 &&
		    strcmp(d->kind, VM_DEVICE_VHOST_NET) != 0)
			return true;
	}
	return plugged_disks(m);
}

void vm_end(struct monitor *m)
{
	int timeout = has_disks(m) ? WRITE_BACK_MS : SHUTDOWN_TIMEOUT_MS;

	if (m->phase >= VM_ENDING)
		return;
	if (m->phase != VM_READY || agent_call(m->agent, "sandbox.shutdown", json_object(), timeout,
					       on_shutdown_reply, m, NULL) < 0) {
		vm_end_now(m);
		return;
	}
	m->phase = VM_ENDING;
}

void vm_fail(struct monitor *m, const struct err *err)
{
	if (m->phase >= VM_ENDING)
		return;
	m->failure = *err;
	if (!m->failure.code)
		m->failure.code = EIO;
	/* Whatever it was, a boot may do better. */
	if (m->phase == VM_BOOTING && template_restoring(m) && m->failure.code != VM_TEMPLATE_DAMAGED)
		m->failure.code = VM_TEMPLATE_FAILED;
	log_error("%s", m->failure.msg);
	vm_end_now(m);
}

/* ---- what ends it ---- */

void vm_down(const struct monitor *m, const char *what, struct err *err)
{
	char tail[2048] = "";

	journal_tail(m->console, tail, sizeof(tail));
	err_set(err, EIO, "%s%s%s", what ? what : "the virtual machine has ended",
		*tail ? "; its console says: " : "", tail);
	if (m->phase == VM_BOOTING)
		err_wrap(err,
			 "the virtual machine did not come up (hypervisor '%s', kernel '%s', initrd '%s')",
			 m->setup.path, m->setup.kernel, m->setup.initrd);
	else
		err_wrap(err, "the virtual machine ended unexpectedly");
}

void vm_on_hv_event(void *data, enum hv_event ev, const char *text)
{
	struct monitor *m = data;
	struct err err = {};

	log_info("vm: %s", text ? text : "event");
	if (ev == HV_EVENT_EXITED) {
		if (m->phase < VM_ENDING) {
			vm_down(m, text, &err);
			vm_fail(m, &err);
		}
		vm_ended(m);
	} else if (ev == HV_EVENT_GUEST_PANIC) {
		err_set(&err, EIO, "the guest's kernel panicked");
		vm_fail(m, &err);
	}
	/* A guest that powers itself off is followed by HV_EVENT_EXITED. */
}

static void on_lost_timeout(struct loop_source *src, void *data)
{
	struct monitor *m = data;

	(void)src;
	vm_fail(m, &m->lost);
}

void vm_suspect(struct monitor *m, const struct err *err)
{
	if (m->phase >= VM_ENDING || m->lost_timer)
		return;
	m->lost = *err;
	m->lost_timer = loop_add_timer(m->loop, LOST_TIMEOUT_MS, on_lost_timeout, m, NULL);
	if (!m->lost_timer)
		vm_fail(m, err);
}
