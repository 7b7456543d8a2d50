/* SPDX-License-Identifier: Apache-2.0 */
/* Queue of operations: each a list of QMP commands, undone in reverse when one fails. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "devices/device.h"
#include "hypervisor/qemu.h"

#define UNDO_MS 5000

static int run_step(struct qemu *q, struct err *err);
static void go_on(struct qemu *q);

/* Takes the first operation off the queue, reports it, runs the next one. */
static void finish(struct qemu *q)
{
	struct qemu_op *op = q->ops;

	q->ops = op->next;
	loop_set_timer(q->op_timer, -1);
	if (op->err.code == 0 && op->finish)
		op->finish(op->dev);
	op->done(op->data, &op->err);
	free(op);
	if (!q->dead)
		qemu_run_ops(q);
}

static void on_undone(void *data, json_t *ret, const struct err *err)
{
	struct qemu *q = data;

	if (err->code == ECONNRESET)
		return;
	qemu_enter(q);
	/* Often there is nothing left to undo, as when the failed command has used up a descriptor. */
	if (!ret)
		log_debug("qemu: undo: %s", err->msg);
	go_on(q);
	qemu_leave(q);
}

/* Undoes the nearest step below `at` that has something to undo. False when there is none. */
static bool undo_step(struct qemu *q)
{
	struct qemu_op *op = q->ops;
	struct err err;

	while (op->at > 0) {
		const struct qemu_step *s = &op->steps[--op->at];

		if (!s->undo)
			continue;
		if (qmp_call(q->qmp, s->undo, s->undo_args(op->dev), -EBADF, UNDO_MS, on_undone, q,
			     &err) < 0)
			continue;
		return true;
	}
	return false;
}

static void fail_op(struct qemu *q, const struct err *err)
{
	struct qemu_op *op = q->ops;

	op->err = *err;
	op->undoing = true;
	go_on(q);
}

static void next_step(struct qemu *q)
{
	q->ops->waiting = q->ops->happened = false;
	loop_set_timer(q->op_timer, -1);
	q->ops->at++;
	go_on(q);
}

static void on_replied(void *data, json_t *ret, const struct err *err)
{
	struct qemu *q = data;
	struct qemu_op *op = q->ops;
	const struct qemu_step *s = &op->steps[op->at];
	struct err unfit = { 0 };

	/* The connection is gone: how the process ended says more, and follows. */
	if (err->code == ECONNRESET)
		return;
	qemu_enter(q);
	if (ret && s->seen && s->seen(q, ret, &unfit) < 0) {
		fail_op(q, &unfit);
	} else if (!ret && !(err->code == ENODEV && s->gone_is_fine)) {
		fail_op(q, err);
	} else if (ret && s->until != QEMU_REPLIED && !op->happened) {
		op->waiting = true;
		loop_set_timer(q->op_timer, s->until_ms);
	} else {
		next_step(q);
	}
	qemu_leave(q);
}

/* Sends the running operation's next command. Negative: it could not be sent. */
static int run_step(struct qemu *q, struct err *err)
{
	const struct qemu_op *op = q->ops;
	const struct qemu_step *s = &op->steps[op->at];
	json_t *args = NULL;
	int fd = s->op_fd ? op->fd : s->fd ? s->fd(op->dev) : -EBADF;

	if (s->args || s->vm_args) {
		args = s->args ? s->args(op->dev) : s->vm_args(q);
		if (!args)
			return err_set(err, ENOMEM, "%s: out of memory", s->command);
	}
	return qmp_call(q->qmp, s->command, args, fd, s->timeout_ms, on_replied, q, err);
}

/* The running operation's next command, forwards or backwards, or its end. */
static void go_on(struct qemu *q)
{
	const struct qemu_op *op = q->ops;
	struct err err = { 0 };

	if (!q->qmp)
		return; /* qemu_fail_ops() will come */
	if (op->undoing) {
		if (!undo_step(q))
			finish(q);
	} else if (!op->steps[op->at].command) {
		finish(q);
	} else if (run_step(q, &err) < 0) {
		fail_op(q, &err);
	}
}

void qemu_run_ops(struct qemu *q)
{
	if (!q->ops || !q->ready || q->ops->started)
		return;
	q->ops->started = true;
	go_on(q);
}

static int submit(struct qemu *q, const struct qemu_op *what, struct err *err)
{
	struct qemu_op *op, **p;
	int r;

	op = malloc(sizeof(*op));
	if (!op)
		return err_set(err, ENOMEM, "out of memory");
	*op = *what;
	for (p = &q->ops; *p; p = &(*p)->next)
		;
	*p = op;
	if (q->ops != op || !q->ready)
		return 0;
	op->started = true;
	/* The caller learns by the return value, not by a callback inside his call. */
	r = run_step(q, err);
	if (r < 0) {
		q->ops = NULL;
		free(op);
	}
	return r;
}

int qemu_submit(struct qemu *q, const struct qemu_step *steps, struct device *dev,
		void (*finish_fn)(struct device *dev), hv_done_fn done, void *data, struct err *err)
{
	struct qemu_op op = { .steps = steps,
			      .dev = dev,
			      .fd = -EBADF,
			      .finish = finish_fn,
			      .done = done,
			      .data = data };

	return submit(q, &op, err);
}

int qemu_submit_fd(struct qemu *q, const struct qemu_step *steps, int fd, hv_done_fn done,
		   void *data, struct err *err)
{
	struct qemu_op op = { .steps = steps, .fd = fd, .done = done, .data = data };

	return submit(q, &op, err);
}

static void on_op_timer(struct loop_source *src, void *data)
{
	struct qemu *q = data;
	struct err err = { 0 };

	if (!q->ops || !q->ops->waiting)
		return;
	qemu_enter(q);
	q->ops->waiting = false;
	if (q->ops->dev)
		err_set(&err, ETIMEDOUT, "the guest did not release device %s in time",
			q->ops->dev->id);
	else
		err_set(&err, ETIMEDOUT, "qemu did not move the machine's state in time");
	fail_op(q, &err);
	qemu_leave(q);
}

int qemu_init_ops(struct qemu *q, struct err *err)
{
	q->op_timer = loop_add_timer(q->loop, -1, on_op_timer, q, err);
	return q->op_timer ? 0 : -ENOMEM;
}

static void happened(struct qemu *q, enum qemu_until what)
{
	struct qemu_op *op = q->ops;

	if (!op || !op->started || op->undoing || op->steps[op->at].until != what)
		return;
	op->happened = true;
	if (op->waiting)
		next_step(q);
}

void qemu_migration(struct qemu *q, const char *status)
{
	struct err err = { 0 };

	if (strcmp(status, "completed") == 0)
		happened(q, QEMU_MIGRATED);
	/* A restoring QEMU that fails says why and ends. */
	if (strcmp(status, "failed") != 0 || q->cfg.restore_fd > 0 || !q->ops || !q->ops->waiting)
		return;
	q->ops->waiting = false;
	err_set(&err, EIO, "qemu could not save the machine's state");
	fail_op(q, &err);
}

void qemu_device_deleted(struct qemu *q, const char *id)
{
	struct qemu_op *op = q->ops;

	if (op && op->dev && strcmp(op->dev->id, id) == 0)
		happened(q, QEMU_DELETED);
}

void qemu_device_kept(struct qemu *q, const char *id)
{
	struct qemu_op *op = q->ops;
	struct err err = { 0 };

	if (!op || !op->waiting || !op->dev || strcmp(op->dev->id, id) != 0)
		return;
	op->waiting = false;
	err_set(&err, EBUSY, "the guest does not release device %s", id);
	fail_op(q, &err);
}

void qemu_fail_ops(struct qemu *q, const struct err *err)
{
	while (!q->dead && q->ops) {
		struct qemu_op *op = q->ops;

		q->ops = op->next;
		op->done(op->data, err);
		free(op);
	}
}

void qemu_drop_ops(struct qemu *q)
{
	q->op_timer = loop_remove(q->op_timer);
	while (q->ops) {
		struct qemu_op *op = q->ops;

		q->ops = op->next;
		free(op);
	}
}
