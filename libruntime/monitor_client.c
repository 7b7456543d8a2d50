/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/monitor_client.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/sock.h"
#include "wire/message.h"

#define SETUP_MS 30000 /* jail and namespaces of the monitor */
#define UID_BASE 0x70000000u /* ARCHITECTURE.md "Identities" */

int monitor_spawn(const char *program, int state_fd, const int template[2],
		  struct monitor_proc *ret, struct err *err)
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

	const struct spawn_fd fds[] = { { theirs, 3 },
					{ listen_fd, 4 },
					{ state_fd, 5 },
					{ template[0], 6 },
					{ template[1], 7 } };
	const struct spawn sp = {
		.path = program,
		.exe_fd = -EBADF,
		.argv = argv,
		.fds = fds,
		.n_fds = ARRAY_SIZE(fds) - (template[0] < 0 ? 2 : 0),
		.clone_flags = CLONE_NEWPID,
		.new_session = true,
	};

	r = spawn(&sp, &ret->pid, &ret->pidfd, err);
	if (r < 0)
		return err_wrap(err, "start '%s'", program);
	ret->control = take_fd(mine);
	return 0;
}

int monitor_setup(const struct monitor_proc *proc, struct vm_setup *setup, struct err *err)
{
	_json_ json_t *params = NULL;

	if (strcmp(setup->hypervisor, "fake") != 0)
		setup->uid = UID_BASE + 2 * (uint32_t)proc->pid;
	params = vm_setup_to_json(setup);
	return wire_call(proc->control, "setup", params, SETUP_MS, NULL, err);
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
