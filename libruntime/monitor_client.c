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

int monitor_spawn(const char *program, int state_fd, const int template[2], const int *devices,
		  size_t n_devices, struct monitor_proc *ret, struct err *err)
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

	struct spawn_fd fds[5 + MONITOR_DEVICES_MAX] = { { theirs, 3 },
							 { listen_fd, 4 },
							 { state_fd, 5 } };
	size_t n_fds = 3;

	if (n_devices > MONITOR_DEVICES_MAX)
		return err_set(err, ENOSPC, "%zu devices are more than %d", n_devices,
			       MONITOR_DEVICES_MAX);
	for (int i = 0; i < 2 && template[i] >= 0; i++)
		fds[n_fds++] = (struct spawn_fd){ template[i], 6 + i };
	for (size_t i = 0; i < n_devices; i++)
		if (devices[i] >= 0)
			fds[n_fds++] = (struct spawn_fd){ devices[i],
							  MONITOR_FIRST_DEVICE + (int)i };
	const struct spawn sp = {
		.path = program,
		.exe_fd = -EBADF,
		.argv = argv,
		.fds = fds,
		.n_fds = n_fds,
		.clone_flags = CLONE_NEWPID,
		.new_session = true,
	};

	r = spawn(&sp, &ret->pid, &ret->pidfd, err);
	if (r < 0)
		return err_wrap(err, "start '%s'", program);
	ret->control = take_fd(mine);
	return 0;
}

static uid_t uid_of(pid_t monitor)
{
	return UID_BASE + 2 * (uid_t)monitor;
}

uid_t monitor_hypervisor_uid(pid_t monitor)
{
	return uid_of(monitor) + 1;
}

int monitor_setup(const struct monitor_proc *proc, struct vm_setup *setup, struct err *err)
{
	_json_ json_t *params = NULL;

	if (strcmp(setup->hypervisor, "fake") != 0)
		setup->uid = uid_of(proc->pid);
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
