/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine without a process: the agent channel is served in the
 * same loop. For tests of everything above the hypervisor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/sock.h"
#include "devices/device.h"
#include "hypervisor/fake_agent.h"
#include "hypervisor/hv_config.h"

enum op_kind { OP_START, OP_ATTACH, OP_DETACH, OP_GROW, OP_RESUME, OP_PAUSE, OP_SIZE };

struct op {
	struct op *next;
	enum op_kind kind;
	struct device *dev;
	hv_done_fn done;
	void *data;
};

struct fake {
	struct hv hv; /* first */
	struct hv_config cfg;
	struct loop *loop;
	hv_event_fn on_event;
	void *data;
	struct loop_source *turn; /* runs what is queued: nothing happens inside the owner's calls */
	struct op *ops;
	struct fake_agent *agent; /* from the first resume on */
	int channel, agent_fd; /* the host's end; the guest's until the agent has it */
	int console, console_fd;
	bool running;
	bool shutdown; /* by the guest */
	bool ending;
	unsigned int busy;
	bool dead;
};

static struct fake *of(struct hv *hv)
{
	return (struct fake *)hv;
}

static void release(struct fake *f)
{
	hv_config_done(&f->cfg);
	free(f);
}

static void stop_guest(struct fake *f)
{
	f->running = false;
	fake_agent_free(f->agent);
	f->agent = NULL;
	f->agent_fd = fd_close(f->agent_fd);
	f->console_fd = fd_close(f->console_fd);
}

static void destroy(struct hv *hv)
{
	struct fake *f = of(hv);

	if (!f || f->dead)
		return;
	f->dead = true;
	stop_guest(f);
	f->channel = fd_close(f->channel);
	f->console = fd_close(f->console);
	f->turn = loop_remove(f->turn);
	while (f->ops) {
		struct op *op = f->ops;

		f->ops = op->next;
		free(op);
	}
	if (f->busy == 0)
		release(f);
}

/* Called in the middle of the agent's work: only takes note. */
static void on_agent_shutdown(void *data)
{
	struct fake *f = data;

	f->shutdown = true;
	f->ending = true;
	loop_set_timer(f->turn, 0);
}

static void execute(struct fake *f, const struct op *op, struct err *err)
{
	switch (op->kind) {
	case OP_START:
	case OP_DETACH:
	case OP_GROW:
	case OP_PAUSE:
	case OP_SIZE:
		break;
	case OP_ATTACH:
		device_close(op->dev);
		break;
	case OP_RESUME:
		if (!f->agent)
			fake_agent_new(f->loop, take_fd(f->agent_fd), on_agent_shutdown, f,
				       &f->agent, err);
		break;
	}
}

/* Takes the first operation off the queue and reports it, as failed if err says so. */
static void finish(struct fake *f, const struct err *failed)
{
	struct op *op = f->ops;
	struct err err = { 0 };

	f->ops = op->next;
	if (failed)
		err = *failed;
	else
		execute(f, op, &err);
	op->done(op->data, &err);
	free(op);
}

static void end(struct fake *f)
{
	struct err err = { 0 };

	stop_guest(f);
	err_set(&err, ESRCH, "fake: exit status 0");
	if (f->shutdown && !f->dead)
		f->on_event(f->data, HV_EVENT_GUEST_SHUTDOWN, "guest-shutdown");
	while (!f->dead && f->ops)
		finish(f, &err);
	if (!f->dead)
		f->on_event(f->data, HV_EVENT_EXITED, "exit status 0");
}

static void on_turn(struct loop_source *src, void *data)
{
	struct fake *f = data;

	f->busy++;
	while (!f->dead && !f->ending && f->ops)
		finish(f, NULL);
	if (!f->dead && f->ending && f->running)
		end(f);
	if (--f->busy == 0 && f->dead)
		release(f);
}

static int create(const struct hv_config *cfg, struct loop *loop, hv_event_fn on_event, void *data,
		  struct hv **ret, struct err *err)
{
	struct fake *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_set(err, ENOMEM, "out of memory");
	f->hv.ops = &hv_fake_ops;
	f->loop = loop;
	f->on_event = on_event;
	f->data = data;
	f->channel = f->agent_fd = f->console = f->console_fd = -EBADF;
	r = hv_config_copy(cfg, &f->cfg, err);
	if (r >= 0) {
		f->turn = loop_add_timer(loop, -1, on_turn, f, err);
		r = f->turn ? 0 : -ENOMEM;
	}
	if (r < 0) {
		destroy(&f->hv);
		return r;
	}
	*ret = &f->hv;
	return 0;
}

static int submit(struct fake *f, enum op_kind kind, struct device *dev, hv_done_fn done,
		  void *data, struct err *err)
{
	struct op *op, **p;

	if (!f->running || f->ending)
		return err_set(err, ESRCH, "the virtual machine is not running");
	if (dev && (dev->port < 0 || (uint32_t)dev->port >= f->cfg.ports))
		return err_set(err, EINVAL, "device %s has no pcie root port", dev->id);
	op = calloc(1, sizeof(*op));
	if (!op)
		return err_set(err, ENOMEM, "out of memory");
	*op = (struct op){ .kind = kind, .dev = dev, .done = done, .data = data };
	for (p = &f->ops; *p; p = &(*p)->next)
		;
	*p = op;
	loop_set_timer(f->turn, 0);
	return 0;
}

static int open_channels(struct fake *f, struct err *err)
{
	static const char banner[] = "fake console\n";
	int pair[2], r;

	r = sock_pair(pair, err);
	if (r < 0)
		return r;
	f->channel = pair[0];
	f->agent_fd = pair[1];
	r = sock_pair(pair, err);
	if (r < 0)
		return r;
	f->console = pair[0];
	f->console_fd = pair[1];
	(void)!write(f->console_fd, banner, sizeof(banner) - 1);
	return 0;
}

static int start(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	struct fake *f = of(hv);
	int r;

	if (f->running || f->ending)
		return err_set(err, EALREADY, "the virtual machine was already started");
	r = open_channels(f, err);
	if (r >= 0) {
		f->running = true;
		r = submit(f, OP_START, NULL, done, data, err);
	}
	if (r < 0) {
		stop_guest(f);
		f->channel = fd_close(f->channel);
		f->console = fd_close(f->console);
	}
	return r;
}

static int attach(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	return submit(of(hv), OP_ATTACH, dev, done, data, err);
}

static int detach(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	return submit(of(hv), OP_DETACH, dev, done, data, err);
}

static int grow(struct hv *hv, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	return submit(of(hv), OP_GROW, dev, done, data, err);
}

static int resume(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	return submit(of(hv), OP_RESUME, NULL, done, data, err);
}

static int pause_vm(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	return submit(of(hv), OP_PAUSE, NULL, done, data, err);
}

static int set_memory(struct hv *hv, uint32_t more, hv_done_fn done, void *data, struct err *err)
{
	(void)more;
	return submit(of(hv), OP_SIZE, NULL, done, data, err);
}

static int add_vcpu(struct hv *hv, hv_done_fn done, void *data, struct err *err)
{
	return submit(of(hv), OP_SIZE, NULL, done, data, err);
}

static int quit(struct hv *hv, struct err *err)
{
	struct fake *f = of(hv);

	if (!f->running)
		return err_set(err, ESRCH, "the virtual machine is not running");
	f->ending = true;
	loop_set_timer(f->turn, 0);
	return 0;
}

static int channel(struct hv *hv)
{
	return take_fd(of(hv)->channel);
}

static int console(struct hv *hv)
{
	return take_fd(of(hv)->console);
}

static json_t *describe(const struct hv *hv)
{
	return json_pack("{s:s, s:[]}", "hypervisor", "fake", "argv");
}

/* There is no process; 0 would do as well as any number that is not ours. */
static pid_t pid(const struct hv *hv)
{
	return 0;
}

const struct hv_ops hv_fake_ops = {
	.name = "fake",
	.caps = HV_CAP_HOTPLUG | HV_CAP_PAUSE | HV_CAP_GROW,
	.create = create,
	.start = start,
	.attach = attach,
	.detach = detach,
	.grow = grow,
	.resume = resume,
	.pause = pause_vm,
	.set_memory = set_memory,
	.add_vcpu = add_vcpu,
	.quit = quit,
	.channel = channel,
	.console = console,
	.describe = describe,
	.pid = pid,
	.destroy = destroy,
};
