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
	q->ops->waiting = false;
	loop_set_timer(q->op_timer, -1);
	q->ops->at++;
	go_on(q);
}

static void on_replied(void *data, json_t *ret, const struct err *err)
{
	struct qemu *q = data;
	struct qemu_op *op = q->ops;
	const struct qemu_step *s = &op->steps[op->at];

	/* The connection is gone: how the process ended says more, and follows. */
	if (err->code == ECONNRESET)
		return;
	qemu_enter(q);
	if (!ret && !(err->code == ENODEV && s->gone_is_fine)) {
		fail_op(q, err);
	} else if (ret && s->deleted_ms > 0 && !op->deleted) {
		op->waiting = true;
		loop_set_timer(q->op_timer, s->deleted_ms);
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

	if (s->args) {
		args = s->args(op->dev);
		if (!args)
			return err_set(err, ENOMEM, "%s: out of memory", s->command);
	}
	return qmp_call(q->qmp, s->command, args, s->fd ? s->fd(op->dev) : -EBADF, s->timeout_ms,
			on_replied, q, err);
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

int qemu_submit(struct qemu *q, const struct qemu_step *steps, struct device *dev,
		void (*finish_fn)(struct device *dev), hv_done_fn done, void *data, struct err *err)
{
	struct qemu_op *op, **p;
	int r;

	op = calloc(1, sizeof(*op));
	if (!op)
		return err_set(err, ENOMEM, "out of memory");
	op->steps = steps;
	op->dev = dev;
	op->finish = finish_fn;
	op->done = done;
	op->data = data;
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

static void on_op_timer(struct loop_source *src, void *data)
{
	struct qemu *q = data;
	struct err err = { 0 };

	if (!q->ops || !q->ops->waiting)
		return;
	qemu_enter(q);
	q->ops->waiting = false;
	err_set(&err, ETIMEDOUT, "the guest did not release device %s in time", q->ops->dev->id);
	fail_op(q, &err);
	qemu_leave(q);
}

int qemu_init_ops(struct qemu *q, struct err *err)
{
	q->op_timer = loop_add_timer(q->loop, -1, on_op_timer, q, err);
	return q->op_timer ? 0 : -ENOMEM;
}

void qemu_device_deleted(struct qemu *q, const char *id)
{
	struct qemu_op *op = q->ops;

	if (!op || !op->dev || strcmp(op->dev->id, id) != 0 || op->undoing)
		return;
	op->deleted = true;
	if (op->waiting)
		next_step(q);
}

void qemu_device_kept(struct qemu *q, const char *id)
{
	struct qemu_op *op = q->ops;
	struct err err = { 0 };

	if (!op || !op->waiting || strcmp(op->dev->id, id) != 0)
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
