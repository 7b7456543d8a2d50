/* SPDX-License-Identifier: Apache-2.0 */
/* The QEMU backend: struct hv_ops, and what QEMU reports by itself. */
#include "hypervisor/qemu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "devices/device.h"
#include "hypervisor/hv_config.h"
#include "hypervisor/qemu_plan.h"

#define CALL_MS 10000
/* From "I end" to the end: freeing the guest's memory takes 30 ms on an idle machine. */
#define SHUTDOWN_MS 10000
#define QUIT_MS 5000
#define HANG_UP_MS 2000

static struct qemu *of(struct hv *hv)
{
	return (struct qemu *)hv;
}

/* ---- lifetime ---- */

static void release(struct qemu *q)
{
	strv_free(q->argv);
	json_decref(q->vcpu_slot);
	hv_config_done(&q->cfg);
	buf_done(&q->tail);
	fd_close(q->channel);
	fd_close(q->console);
	free(q);
}

void qemu_enter(struct qemu *q)
{
	q->busy++;
}

void qemu_leave(struct qemu *q)
{
	if (--q->busy == 0 && q->dead)
		release(q);
}

static void destroy(struct hv *hv)
{
	struct qemu *q = of(hv);

	if (!q || q->dead)
		return;
	q->dead = true;
	qmp_free(q->qmp);
	q->qmp = NULL;
	qemu_kill(q);
	qemu_drop_ops(q);
	if (q->busy == 0)
		release(q);
}

static int create(const struct hv_config *cfg, struct loop *loop, hv_event_fn on_event, void *data,
		  struct hv **ret, struct err *err)
{
	struct qemu *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return err_set(err, ENOMEM, "out of memory");
	q->hv.ops = &hv_qemu_ops;
	q->loop = loop;
	q->on_event = on_event;
	q->data = data;
	q->pidfd = q->err_fd = q->channel = q->console = -EBADF;
	r = hv_config_copy(cfg, &q->cfg, err);
	if (r >= 0)
		r = qemu_plan(&q->cfg, &q->argv, err);
	if (r >= 0)
		r = qemu_init_ops(q, err);
	if (r < 0) {
		destroy(&q->hv);
		return r;
	}
	*ret = &q->hv;
	return 0;
}

/* ---- what QEMU reports ---- */

static void on_ready(struct qmp *qmp, void *data)
{
	struct qemu *q = data;

	log_debug("qemu answers");
	qemu_enter(q);
	q->ready = true;
	qemu_run_ops(q);
	qemu_leave(q);
}

static void on_shutdown(struct qemu *q, json_t *body)
{
	const char *reason = js_get_str(body, "reason");

	/* Not when it was us (quit, SIGTERM). */
	if (!js_get_bool(body, "guest", false) || q->told_shutdown)
		return;
	q->told_shutdown = true;
	qemu_expect_end(q, SHUTDOWN_MS);
	q->on_event(q->data, HV_EVENT_GUEST_SHUTDOWN, reason ? reason : "guest-shutdown");
}

static void on_event(struct qmp *qmp, const char *name, json_t *body, void *data)
{
	struct qemu *q = data;
	const char *device = js_get_str(body, "device"), *status = js_get_str(body, "status");

	qemu_enter(q);
	if (strcmp(name, "SHUTDOWN") == 0 || strcmp(name, "RESET") == 0)
		on_shutdown(q, body);
	else if (strcmp(name, "GUEST_PANICKED") == 0)
		q->on_event(q->data, HV_EVENT_GUEST_PANIC, "guest-panic");
	else if (strcmp(name, "DEVICE_DELETED") == 0 && device)
		qemu_device_deleted(q, device);
	else if (strcmp(name, "DEVICE_UNPLUG_GUEST_ERROR") == 0 && device)
		qemu_device_kept(q, device);
	else if (strcmp(name, "MIGRATION") == 0 && status)
		qemu_migration(q, status);
	qemu_leave(q);
}

static void on_closed(struct qmp *qmp, const struct err *err, void *data)
{
	struct qemu *q = data;

	/* A process that we cannot talk to is of no use; its end fails what is pending. */
	if (err->code != ECONNRESET)
		q->fault = *err;
	qmp_free(q->qmp);
	q->qmp = NULL;
	if (!q->ending)
		qemu_expect_end(q, HANG_UP_MS);
}

const struct qmp_handler qemu_qmp_handler = { on_ready, on_event, on_closed };

/* ---- operations ---- */

static const struct qemu_step no_steps[] = { { 0 } };
static const struct qemu_step cont_steps[] = { { .command = "cont", .timeout_ms = CALL_MS }, { 0 } };
static const struct qemu_step stop_steps[] = { { .command = "stop", .timeout_ms = CALL_MS }, { 0 } };

static int check_running(const struct qemu *q, struct err *err)
{
	if (q->pid == 0 || !q->qmp)
		return err_set(err, ESRCH, "the virtual machine is not running");
	return 0;
}

static int start(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	struct qemu *q = of(hv);
	int r;

	if (q->pid != 0 || q->ending)
		return err_set(err, EALREADY, "the virtual machine was already started");
	r = qemu_spawn(q, err);
	if (r < 0)
		return r;
	r = qemu_submit_fd(q, q->cfg.restore_fd > 0 ? qemu_restore_steps : no_steps,
			   q->cfg.restore_fd, done, data, err);
	if (r < 0)
		qemu_kill(q);
	return r;
}

static int check_device(const struct qemu *q, const struct device *dev, struct err *err)
{
	int r = check_running(q, err);

	if (r < 0)
		return r;
	if (dev->port < 0 || (uint32_t)dev->port >= q->cfg.ports)
		return err_set(err, EINVAL, "device %s has no pcie root port", dev->id);
	/* The daemon maps guest memory: with private memory it would read its own copy. */
	if (device_shares_memory(dev) && !q->cfg.shared_memory)
		return err_set(err, EINVAL, "device %s: %s needs shared memory", dev->id,
			       device_kind_name(dev->kind));
	return 0;
}

static int attach(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	int r = check_device(of(hv), dev, err);

	if (r < 0)
		return r;
	snprintf(dev->port_address, sizeof(dev->port_address), "0000:00:%02x.0",
		 QEMU_PORT_SLOT + (unsigned int)dev->port);
	return qemu_submit(of(hv), qemu_attach_steps(dev), dev, device_close, done, data, err);
}

static int detach(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	int r = check_device(of(hv), dev, err);

	return r < 0 ? r : qemu_submit(of(hv), qemu_detach_steps(dev), dev, NULL, done, data, err);
}

static int grow(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	int r = check_device(of(hv), dev, err);

	if (r >= 0 && dev->kind != DEVICE_BLK)
		r = err_set(err, EINVAL, "device %s is no disk of the host", dev->id);
	return r < 0 ? r : qemu_submit(of(hv), qemu_grow_steps, dev, NULL, done, data, err);
}

static int resume(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	int r = check_running(of(hv), err);

	return r < 0 ? r : qemu_submit(of(hv), cont_steps, NULL, NULL, done, data, err);
}

static int pause_vm(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	int r = check_running(of(hv), err);

	return r < 0 ? r : qemu_submit(of(hv), stop_steps, NULL, NULL, done, data, err);
}

static int set_memory(struct hv *hv, uint32_t more, hv_done_fn done, void *data, struct err *err)
{
	struct qemu *q = of(hv);
	int r = check_running(q, err);

	if (r >= 0 && more > qemu_memory_room(&q->cfg))
		r = err_set(err, ENOSPC,
			    "the virtual machine's memory of %u MiB cannot grow by %u MiB",
			    q->cfg.memory, more);
	if (r < 0)
		return r;
	q->more_memory = more;
	return qemu_submit(q, qemu_memory_steps, NULL, NULL, done, data, err);
}

static int add_vcpu(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	int r = check_running(of(hv), err);

	return r < 0 ? r : qemu_submit(of(hv), qemu_vcpu_steps, NULL, NULL, done, data, err);
}

static int save(struct hv *hv, int fd, hv_done_fn done, void *data, struct err *err)
{
	int r = check_running(of(hv), err);

	if (r >= 0 && of(hv)->cfg.memory_fd <= 0)
		r = err_set(err, EINVAL, "the virtual machine's memory is its own");
	return r < 0 ? r : qemu_submit_fd(of(hv), qemu_save_steps, fd, done, data, err);
}

static void on_quit(void *data, json_t *ret, const struct err *err)
{
	/* The end of the process, or the kill timer, is the answer. */
}

static int quit(struct hv *hv, struct err *err)
{
	struct qemu *q = of(hv);

	if (q->pid == 0)
		return err_set(err, ESRCH, "the virtual machine is not running");
	qemu_expect_end(q, QUIT_MS);
	/* Past the queue: whatever is going on is of no interest any more. */
	return q->qmp ? qmp_call(q->qmp, "quit", NULL, -EBADF, QUIT_MS, on_quit, q, err) : 0;
}

static int channel(struct hv *hv)
{
	return take_fd(of(hv)->channel);
}

static int console(struct hv *hv)
{
	return take_fd(of(hv)->console);
}

static pid_t pid(const struct hv *hv)
{
	return ((const struct qemu *)hv)->pid;
}

static json_t *describe(const struct hv *hv)
{
	const struct qemu *q = (const struct qemu *)hv;
	_json_ json_t *argv = json_array();
	json_t *fds;

	if (!argv)
		return NULL;
	for (size_t i = 0; q->argv[i]; i++)
		if (json_array_append_new(argv, json_string(q->argv[i])) < 0)
			return NULL;
	fds = json_pack("{s:s, s:s}", "3", "qmp", "4", "console");
	if (fds && q->cfg.vsock_cid == 0)
		json_object_set_new(fds, "5", json_string("agent"));
	return json_pack("{s:s, s:O, s:o, s:I, s:I}", "hypervisor", "qemu", "argv", argv,
			 "descriptors", fds, "uid", (json_int_t)q->cfg.uid, "gid",
			 (json_int_t)q->cfg.gid);
}

const struct hv_ops hv_qemu_ops = {
	.name = "qemu",
	.caps = HV_CAP_HOTPLUG | HV_CAP_PAUSE | HV_CAP_VSOCK | HV_CAP_SAVE | HV_CAP_GROW,
	.create = create,
	.start = start,
	.attach = attach,
	.detach = detach,
	.grow = grow,
	.resume = resume,
	.pause = pause_vm,
	.set_memory = set_memory,
	.add_vcpu = add_vcpu,
	.save = save,
	.quit = quit,
	.channel = channel,
	.console = console,
	.describe = describe,
	.pid = pid,
	.destroy = destroy,
};
