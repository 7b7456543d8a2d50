/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reaper.h"

#include <signal.h>
#include <sys/wait.h>

#include "agent/container.h"

#define BATCH 256 /* then the loop's other sources have their turn */

static void reap(struct agent *a)
{
	for (int i = 0; i < BATCH; i++) {
		siginfo_t si = { 0 };

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) < 0 || si.si_pid == 0)
			return;
		container_child_reaped(a, si.si_pid, si.si_code, si.si_status);
	}
	/* One signal stands for many deaths: ask for another one. */
	kill(getpid(), SIGCHLD);
}

static void on_child(struct loop_source *src, int sig, void *data)
{
	reap(data);
}

int reaper_start(struct agent *a, struct err *err)
{
	return loop_add_signal(a->loop, SIGCHLD, on_child, a, err) ? 0 : -err->code;
}
