/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/boot.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "devices/device.h"
#include "hypervisor/cmdline.h"
#include "hypervisor/hv_setup.h"
#include "monitor/agent.h"
#include "monitor/backend.h"
#include "monitor/container.h"
#include "monitor/drop.h"
#include "monitor/jail.h"
#include "monitor/journal.h"
#include "monitor/plug.h"
#include "monitor/relay.h"
#include "monitor/resize.h"
#include "monitor/setup_device.h"
#include "monitor/template.h"
#include "monitor/virtiofsd.h"
#include "monitor/vm.h"
#include "monitor/vsock.h"

#define SETUP_TIMEOUT_MS 20000
#define PREPARE_TIMEOUT_MS 60000
/* Of the time for a boot, what the agent of a restored VM has for its answer, once that runs; seconds at the least. */
#define RESTORE_PART 6
#define RESTORE_MIN 10
#define ENTROPY_BYTES 64
#define VSOCK_DEVICE "/dev/vhost-vsock"

static bool is_fake(const struct monitor *m)
{
	return strcmp(m->setup.hypervisor, "fake") == 0;
}

/* Unique on the host like the uid, since it is the uid. */
static uint32_t vsock_cid(const struct monitor *m)
{
	return m->setup.uid;
}
/* ---- what the parts have to say ---- */

static void on_console(struct loop_source *src, uint32_t revents, void *data)
{
	struct monitor *m = data;
	char buf[4096];
	ssize_t n;

	(void)revents;
	n = read(loop_fd(src), buf, sizeof(buf));
	if (n > 0) {
		journal_write(m->console, buf, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	m->console_src = loop_remove(m->console_src);
}

/* What virtiofsd says goes to the log; its last words are kept for the error that may follow. False at its end. */
static bool take_virtiofsd_output(struct monitor *m)
{
	char buf[4096];
	ssize_t n = read(m->virtiofsd_output, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	journal_write(m->log, buf, (size_t)n);
	buf[n] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	snprintf(m->virtiofsd_words, sizeof(m->virtiofsd_words), ": %.200s", buf);
	return true;
}

static void on_virtiofsd_output(struct loop_source *src, uint32_t revents, void *data)
{
	(void)revents;
	if (!take_virtiofsd_output(data))
		loop_remove(src);
}

static void on_virtiofsd_exit(struct loop_source *src, uint32_t revents, void *data)
{
	struct monitor *m = data;
	struct err err = {};
	int status = 0;

	(void)src;
	(void)revents;
	m->virtiofsd_exit = loop_remove(m->virtiofsd_exit);
	waitpid(m->virtiofsd_pid, &status, WNOHANG);
	if (m->phase >= VM_ENDING)
		return;
	while (take_virtiofsd_output(m))
		;
	/* Without its files the guest only hangs. */
	err_set(&err, EIO, "virtiofsd ('%s') ended unexpectedly (%s %d)%s", m->setup.virtiofsd,
		WIFSIGNALED(status) ? "signal" : "exit status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), m->virtiofsd_words);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		vm_suspect(m, &err);
	else
		vm_fail(m, &err);
}

static void on_boot_timeout(struct loop_source *src, void *data)
{
	struct monitor *m = data;
	struct err err = {};
	char what[64];

	(void)src;
	snprintf(what, sizeof(what), "no answer from the agent in %u s", m->boot_limit);
	vm_down(m, what, &err);
	vm_fail(m, &err);
}
/* ---- boot, in the order in which it happens ---- */

/* Its agent has done what was asked of it first. */
static void on_guest_ready(void *data, json_t *result, const struct err *err)
{
	struct monitor *m = data;

	(void)result;
	if (m->phase != VM_BOOTING)
		return;
	if (err->code) {
		vm_fail(m, err);
		return;
	}
	m->phase = VM_READY;
	log_info("ready");
	plugs_vm_ready(m);
	resize_vm_ready(m);
	containers_vm_ready(m);
	template_vm_ready(m);
}

/* A guest that becomes a template gets nothing that each of its copies must have for itself. */
static void prepare_template(struct monitor *m)
{
	struct err err = {};

	if (agent_call(m->agent, "sandbox.prepare", json_object(),
		       agent_patience(m, PREPARE_TIMEOUT_MS), on_guest_ready, m, &err) < 0)
		vm_fail(m, &err);
}

static void on_agent_ready(struct monitor *m)
{
	char hex[2 * ENTROPY_BYTES + 1] = "";
	uint8_t raw[ENTROPY_BYTES];
	struct timespec now;
	struct err err = {};
	json_t *params;
	size_t i;

	log_debug("agent answers");
	/* What it is asked now has a deadline of its own. */
	m->boot_timer = loop_remove(m->boot_timer);
	if (template_saving(m)) {
		prepare_template(m);
		return;
	}
	if (getrandom(raw, sizeof(raw), 0) == sizeof(raw))
		for (i = 0; i < sizeof(raw); i++)
			snprintf(hex + 2 * i, 3, "%02x", raw[i]);
	clock_gettime(CLOCK_REALTIME, &now);
	params = json_pack("{s:s, s:I, s:s, s:s}", "hostname",
			   m->setup.hostname ? m->setup.hostname : "moat", "time_ns",
			   (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec, "entropy", hex,
			   "share", is_fake(m) || !*m->setup.virtiofsd ? "" : MONITOR_SHARE_TAG);
	if (!params || agent_call(m->agent, "sandbox.setup", params,
				  agent_patience(m, SETUP_TIMEOUT_MS), on_guest_ready, m, &err) < 0)
		vm_fail(m, &err);
}

/* A guest that breaks the protocol is ended at once; a channel that merely ends may be the hypervisor's end. */
static void on_agent_lost(struct monitor *m, const struct err *err)
{
	if (err->code == EPIPE || err->code == ECONNRESET)
		vm_suspect(m, err);
	else
		vm_fail(m, err);
}

static const struct agent_events agent_events = { .ready = on_agent_ready, .lost = on_agent_lost };

static void open_session(void *data, int fd)
{
	struct monitor *m = data;
	struct err err = {};

	if (agent_new(m, fd, &agent_events, &m->agent, &err) < 0)
		vm_fail(m, &err);
}

static void on_running(void *data, const struct err *err)
{
	struct monitor *m = data;
	struct err e = *err;
	uint32_t limit = m->setup.boot_timeout / RESTORE_PART;

	if (limit < RESTORE_MIN)
		limit = RESTORE_MIN;
	log_debug("virtual machine runs");
	if (e.code) {
		vm_fail(m, &e);
	} else if (m->boot_timer && template_restoring(m) && m->boot_limit > limit) {
		m->boot_limit = limit;
		loop_set_timer(m->boot_timer, (int64_t)limit * 1000);
	}
}

/* The devices of the boot, one after the other; then the guest's first instruction. */
static void on_attached(void *data, const struct err *err)
{
	struct monitor *m = data;
	struct err e = *err;

	if (m->phase != VM_BOOTING)
		return;
	if (!e.code && m->n_attached < m->n_boot_devices) {
		m->hv->ops->attach(m->hv, m->boot_devices[m->n_attached++], on_attached, m, &e);
	} else if (!e.code) {
		log_debug("devices attached");
		m->hv->ops->resume(m->hv, on_running, m, &e);
	}
	if (e.code)
		vm_fail(m, &e);
}

static void on_paused_before_start(void *data, const struct err *err)
{
	struct monitor *m = data;
	struct err e = *err;

	if (m->phase != VM_BOOTING)
		return;
	if (e.code)
		vm_down(m, err->msg, &e);
	template_filled(m);
	if (!e.code) {
		log_debug("virtual machine is there, paused");
		/* Everything that needs privilege has been started. */
		drop_privileges(m, &e);
	}
	if (!e.code && !m->setup.vsock)
		open_session(m, m->hv->ops->channel(m->hv));
	on_attached(m, &e);
}

static int add_boot_device(struct monitor *m, const struct device *dev, struct err *err)
{
	int r;

	if (m->n_boot_devices == BOOT_DEVICES_MAX)
		return err_set(err, ENOSPC, "more than %d devices", BOOT_DEVICES_MAX);
	r = devices_add(m->devices, dev, &m->boot_devices[m->n_boot_devices], err);
	if (r >= 0)
		m->n_boot_devices++;
	return r;
}

static int open_vsock(struct monitor *m, struct err *err)
{
	struct device dev = { .kind = DEVICE_VSOCK, .vsock = { .cid = vsock_cid(m) } };
	int r;

	if (!m->setup.vsock)
		return 0;
	dev.vsock.vhostfd = open(VSOCK_DEVICE, O_RDWR | O_CLOEXEC);
	if (dev.vsock.vhostfd < 0)
		return err_errno(err, errno, "open %s", VSOCK_DEVICE);
	r = vsock_listen(m->loop, vsock_cid(m), vsock_cid(m), open_session, m, &m->vsock, err);
	if (r < 0) {
		close(dev.vsock.vhostfd);
		return r;
	}
	return add_boot_device(m, &dev, err);
}

static int start_virtiofsd(struct monitor *m, struct err *err)
{
	struct device dev = { .kind = DEVICE_FS,
			      .fs = { .tag = MONITOR_SHARE_TAG, .queue_size = 1024 } };
	struct virtiofsd v;
	int r;

	if (is_fake(m) || template_saving(m) || !*m->setup.virtiofsd)
		return 0;
	r = virtiofsd_start(&m->setup, &v, err);
	if (r < 0)
		return r;
	log_debug("virtiofsd started");
	m->virtiofsd_pid = v.pid;
	m->virtiofsd_pidfd = v.pidfd;
	m->virtiofsd_output = v.output;
	fd_set_nonblock(v.output, true);
	dev.fs.socket = v.socket;
	r = add_boot_device(m, &dev, err);
	if (r < 0)
		return r;
	m->virtiofsd_exit = loop_add_io(m->loop, v.pidfd, EPOLLIN, on_virtiofsd_exit, m, err);
	if (!m->virtiofsd_exit ||
	    !loop_add_io(m->loop, v.output, EPOLLIN, on_virtiofsd_output, m, err))
		return -err->code;
	return 0;
}

static int add_setup_device(struct monitor *m, size_t i, struct err *err)
{
	const struct vm_device *v = &m->setup.devices[i];
	bool vfio = strcmp(v->kind, VM_DEVICE_VFIO) == 0;
	int listener = relay_take_listener(m, i), r;
	struct device dev;

	if (!vfio && (v->fd < MONITOR_FD_FIRST || v->fd > INT_MAX))
		return err_set(err, EPROTO, "device with descriptor %u", v->fd);
	r = setup_device(&m->setup, v,
			 vfio          ? -EBADF :
			 listener >= 0 ? listener :
					 (int)v->fd,
			 &dev, err);
	if (r >= 0 && listener >= 0)
		dev.vhost.listening = true;
	if (r >= 0 && dev.kind == DEVICE_VHOST_NET)
		dev.vhost_net.no_msix = strcmp(m->setup.accel, "kvm") != 0;
	if (r >= 0)
		r = add_boot_device(m, &dev, err);
	return r < 0 ? r : backend_watch(m, m->boot_devices[m->n_boot_devices - 1], v->socket, err);
}

static int add_setup_devices(struct monitor *m, struct err *err)
{
	int r = 0;

	m->setup_devices = m->boot_devices + m->n_boot_devices;
	for (size_t i = 0; i < m->setup.n_devices && r >= 0; i++)
		r = add_setup_device(m, i, err);
	return r;
}

static int start_hypervisor(struct monitor *m, struct err *err)
{
	const struct vm_setup *s = &m->setup;
	bool restore = template_restoring(m);
	_free_ char *cmdline = NULL;
	int r = 0;

	m->hv_ops = hv_find(s->hypervisor);
	if (!m->hv_ops)
		return err_set(err, EINVAL, "hypervisor '%s' is not known", s->hypervisor);
	/* A restored guest has read its command line long ago. */
	if (!restore)
		r = cmdline_build(s, &cmdline, err);
	if (r < 0)
		return r;

	struct hv_config cfg;

	hv_config_from_setup(s, JAIL_KERNEL, restore ? NULL : JAIL_INITRD, cmdline, &cfg);
	cfg.vsock_cid = s->vsock ? vsock_cid(m) : 0;
	cfg.memory_fd = m->memory_fd;
	cfg.restore_fd = restore ? MONITOR_FD_DEVICES : 0;
	r = m->hv_ops->create(&cfg, m->loop, vm_on_hv_event, m, &m->hv, err);
	if (r >= 0)
		r = m->hv_ops->start(m->hv, on_paused_before_start, m, err);
	if (r < 0)
		return r;
	log_debug("hypervisor started");
	m->console_fd = m->hv_ops->console(m->hv);
	if (m->console_fd >= 0) {
		fd_set_nonblock(m->console_fd, true);
		m->console_src = loop_add_io(m->loop, m->console_fd, EPOLLIN, on_console, m, err);
	}
	return 0;
}

void vm_boot(struct monitor *m)
{
	struct err err = {};
	int r;

	m->phase = VM_BOOTING;
	m->boot_limit = m->setup.boot_timeout;
	m->boot_timer = loop_add_timer(m->loop, (int64_t)m->boot_limit * 1000, on_boot_timeout, m,
				       &err);
	r = m->boot_timer ? devices_new(m->setup.ports, &m->devices, &err) : -ENOMEM;
	if (r >= 0)
		r = template_begin(m, &err);
	if (r >= 0)
		r = open_vsock(m, &err);
	if (r >= 0)
		r = start_hypervisor(m, &err);
	/* While QEMU loads the kernel; the device is attached once it is there. */
	if (r >= 0)
		r = start_virtiofsd(m, &err);
	if (r >= 0)
		r = add_setup_devices(m, &err);
	/* While both start, too. */
	if (r >= 0)
		r = template_fill(m, &err);
	if (r < 0)
		vm_fail(m, &err);
}
