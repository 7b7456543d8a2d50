/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/monitor_client.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/sock.h"
#include "wire/message.h"

int monitor_spawn(const char *program, int state_fd, struct monitor_proc *ret, struct err *err)
{
	_close_ int listen_fd = -EBADF, mine = -EBADF, theirs = -EBADF;
	static char name[] = "moat-monitor";
	char *const argv[] = { name, NULL };
	int pair[2], r;

	listen_fd = sock_listen_at(state_fd, MONITOR_SOCKET, err);
	if (listen_fd < 0)
		return listen_fd;
	r = sock_pair(pair, err);
	if (r < 0)
		return r;
	mine = pair[0];
	theirs = pair[1];

	const struct spawn_fd fds[] = { { theirs, 3 }, { listen_fd, 4 }, { state_fd, 5 } };
	const struct spawn sp = {
		.path = program,
		.exe_fd = -EBADF,
		.argv = argv,
		.fds = fds,
		.n_fds = ARRAY_SIZE(fds),
		.clone_flags = CLONE_NEWPID,
		.new_session = true,
	};

	r = spawn(&sp, &ret->pid, &ret->pidfd, err);
	if (r < 0)
		return err_wrap(err, "start '%s'", program);
	ret->control = take_fd(mine);
	return 0;
}

int monitor_request(int state_fd, const char *method, json_t *params, int timeout_ms,
		    json_t **ret_result, struct err *err)
{
	_close_ int sock = -EBADF;

	sock = sock_connect_at(state_fd, MONITOR_SOCKET, err);
	if (sock < 0)
		return sock;
	return wire_call(sock, method, params, timeout_ms, ret_result, err);
}
