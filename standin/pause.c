/* SPDX-License-Identifier: Apache-2.0 */
#include "standin/pause.h"

#include <signal.h>

int pause_run(void)
{
	sigset_t end;
	int sig;

	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	/* Process 1 gets no signal that it does nothing about. */
	sigprocmask(SIG_SETMASK, &end, NULL);
	while (sigwait(&end, &sig) != 0)
		;
	return 0;
}
