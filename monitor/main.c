/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "monitor/client.h"
#include "monitor/journal.h"
#include "monitor/monitor.h"
#include "monitor/relay.h"
#include "hypervisor/tsc.h"
#include "wire/relay.h"

void monitor_exit(struct monitor *m)
{
	(void)m;
	/* PID 1 of the namespace: the kernel kills QEMU and virtiofsd with it. */
	_exit(0);
}

static void log_sink(void *data, enum log_level level, const char *msg)
{
	struct monitor *m = data;
	char line[4096];

	journal_write(m->log, line,
		      log_format_record(line, sizeof(line), LOG_FORMAT_TEXT_US, level, msg));
}

/* Signals from outside are for the container's stand-in; the monitor only goes when its work is done. */
static void ignore_signals(void)
{
	static const int sigs[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
				    SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM };
	size_t i;

	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], SIG_IGN);
}

static int run(struct monitor *m, struct err *err)
{
	int r;

	umask(077);
	ignore_signals();
	r = loop_new(&m->loop, err);
	if (r >= 0)
		r = journal_open(MONITOR_FD_STATE, "monitor.log", &m->log, err);
	if (r >= 0)
		r = journal_open(MONITOR_FD_STATE, "console.log", &m->console, err);
	if (r < 0)
		return r;
	close(MONITOR_FD_STATE);
	log_set_sink(log_sink, m);
	log_set_level(LOG_LEVEL_DEBUG);
	r = clients_listen(m, MONITOR_FD_LISTEN, err);
	if (r >= 0)
		r = client_new(m, MONITOR_FD_CONTROL, true, err);
	return r < 0 ? r : loop_run(m->loop, err);
}

int main(int argc, char **argv)
{
	static struct monitor m = { .virtiofsd_pidfd = -EBADF,
				    .console_fd = -EBADF,
				    .memory_fd = -EBADF };
	static const int fds[] = { MONITOR_FD_CONTROL, MONITOR_FD_LISTEN, MONITOR_FD_STATE,
				   MONITOR_FD_MEMORY, MONITOR_FD_DEVICES };
	struct err err = {};
	size_t i;

	if (argc == 5 && strcmp(argv[1], RELAY_WORD) == 0)
		return relay_main(argv[2], argv[3], argv[4]);
	tsc_begin();
	if (getpid() != 1) {
		fputs("moat-monitor is started by moat\n", stderr);
		return 2;
	}
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fd_set_cloexec(fds[i], true);
	if (run(&m, &err) < 0)
		log_error("%s", err.msg);
	_exit(1);
}
