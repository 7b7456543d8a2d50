/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sched.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/sched.h"

/* struct sched_attr of the kernel, whose header cannot be used beside glibc's. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int set_scheduler(const struct oci_scheduler *s, struct err *err)
{
	struct attr a = {
		.size = sizeof(a),
		.policy = (uint32_t)oci_sched_policy(s->policy),
		.nice = s->nice,
		.priority = (uint32_t)s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};

	for (size_t i = 0; s->flags && s->flags[i]; i++)
		a.flags |= (uint64_t)oci_sched_flag(s->flags[i]);
	if (syscall(SYS_sched_setattr, 0, &a, 0) < 0)
		return err_errno(err, errno, "error setting scheduler");
	return 0;
}

static int set_io_priority(const struct oci_io_priority *io, struct err *err)
{
	int value = IOPRIO_PRIO_VALUE(oci_io_class(io->class_), io->priority);

	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0)
		return err_errno(err, errno, "failed to set io priority");
	return 0;
}

int sched_apply(const struct oci_process *p, struct err *err)
{
	int r = p->scheduler ? set_scheduler(p->scheduler, err) : 0;

	return r < 0 || !p->io_priority ? r : set_io_priority(p->io_priority, err);
}

int sched_cpus(const char *list, struct err *err)
{
	cpu_set_t set;

	if (!list || !*list)
		return 0;
	if (oci_cpus_parse(list, &set) < 0)
		return err_set(err, EINVAL, "execCPUAffinity: bad list \"%s\"", list);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ?
		       err_errno(err, errno, "execCPUAffinity \"%s\"", list) :
		       0;
}
