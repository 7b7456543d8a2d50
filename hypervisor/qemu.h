/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend's inside: one struct qemu is one VM process. Operations are lists of QMP
 * commands (steps); they run one after the other, a failed one is undone in
 * reverse. Entry points from the loop are bracketed by qemu_enter() and
 * qemu_leave(), so that callbacks may destroy the VM.
 */
#ifndef MOAT_HYPERVISOR_QEMU_H
#define MOAT_HYPERVISOR_QEMU_H

#include "base/str.h"
#include "hypervisor/hv.h"
#include "hypervisor/qmp.h"

#define QEMU_TAIL 1024 /* bytes of what QEMU said last that are kept */

/* What a step may wait for after its reply. */
enum qemu_until {
	QEMU_REPLIED, /* nothing more */
	QEMU_DELETED, /* DEVICE_DELETED of its device */
	QEMU_MIGRATED, /* MIGRATION with status "completed" */
};

struct qemu;

/* One command of an operation. */
struct qemu_step {
	const char *command; /* NULL ends the list */
	int timeout_ms;
	json_t *(*args)(const struct device *dev); /* fresh; NULL member: no arguments */
	json_t *(*vm_args)(const struct qemu *q); /* the same for an operation on the whole VM */
	int (*seen)(struct qemu *q, const json_t *ret,
		    struct err *err); /* looks at the reply; may be NULL */
	int (*fd)(const struct device *dev); /* descriptor that travels along; NULL member: none */
	bool op_fd; /* the operation's descriptor travels along */
	enum qemu_until until;
	int until_ms;
	bool gone_is_fine; /* "no such device" is a success */
	const char *undo; /* command with undo_args; NULL: nothing to undo */
	json_t *(*undo_args)(const struct device *dev);
};

struct qemu_op {
	struct qemu_op *next;
	const struct qemu_step *steps;
	size_t at;
	bool started;
	bool undoing;
	bool waiting; /* for what its step waits for, the reply is there */
	bool happened; /* that was seen */
	struct device *dev; /* NULL: it is about the whole VM */
	int fd; /* -EBADF: none */
	void (*finish)(struct device *dev); /* after the last step; may be NULL */
	hv_done_fn done;
	void *data;
	struct err err;
};

struct qemu {
	struct hv hv; /* first */
	struct hv_config cfg;
	char **argv;
	struct loop *loop;
	hv_event_fn on_event;
	void *data;

	pid_t pid; /* 0: not running */
	int pidfd;
	struct loop_source *pid_source;
	struct qmp *qmp; /* NULL once the connection is gone */
	bool ready; /* negotiated: operations may run */
	bool ending; /* quit was asked for, or the QMP connection is gone */
	bool told_shutdown;
	struct err fault; /* why the connection is gone, unless QEMU closed it */
	int channel, console; /* the host's ends; -EBADF: taken */

	int err_fd; /* read end of what QEMU says on stdout and stderr */
	struct loop_source *err_source;
	struct buf tail;
	char line[500]; /* the one that is being said */
	size_t line_len;
	size_t logged; /* bytes, against the limit */

	uint32_t more_memory; /* MiB, offered to the guest */
	json_t *vcpu_slot; /* an element of query-hotpluggable-cpus: the next one that is added */

	struct qemu_op *ops; /* the first one is running once ready is set */
	struct loop_source *op_timer; /* for the running one */
	struct loop_source *kill_timer; /* for a process that does not end */

	unsigned int busy;
	bool dead;
};

void qemu_enter(struct qemu *q);
void qemu_leave(struct qemu *q);

/* qemu.c: what the QMP client calls; data is the struct qemu */
extern const struct qmp_handler qemu_qmp_handler;

/* qemu_process.c */
int qemu_spawn(struct qemu *q, struct err *err);
/* SIGKILL, reaps, closes everything of the process. */
void qemu_kill(struct qemu *q);
/* SIGKILL if the process has not ended by then. */
void qemu_expect_end(struct qemu *q, int ms);

/* qemu_ops.c */
int qemu_submit(struct qemu *q, const struct qemu_step *steps, struct device *dev,
		void (*finish)(struct device *dev), hv_done_fn done, void *data, struct err *err);
/* The same for an operation on the whole VM with a descriptor, which is borrowed until done. */
int qemu_submit_fd(struct qemu *q, const struct qemu_step *steps, int fd, hv_done_fn done,
		   void *data, struct err *err);
int qemu_init_ops(struct qemu *q, struct err *err);
/* Starts the first operation, if there is one and QEMU is ready. */
void qemu_run_ops(struct qemu *q);
void qemu_device_deleted(struct qemu *q, const char *id);
void qemu_device_kept(struct qemu *q, const char *id); /* the guest refused to give it up */
void qemu_migration(struct qemu *q, const char *status); /* of MIGRATION: QAPI's MigrationStatus */
void qemu_fail_ops(struct qemu *q, const struct err *err);
void qemu_drop_ops(struct qemu *q); /* silently; undoes qemu_init_ops() */

/* qemu_device.c */
const struct qemu_step *qemu_attach_steps(const struct device *dev);
const struct qemu_step *qemu_detach_steps(const struct device *dev);
extern const struct qemu_step qemu_grow_steps[];

/* qemu_size.c */
extern const struct qemu_step qemu_memory_steps[], qemu_vcpu_steps[];

/* qemu_save.c */
extern const struct qemu_step qemu_save_steps[], qemu_restore_steps[];

#endif
