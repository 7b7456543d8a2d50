/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"

int inherited_check(struct err *err)
{
	const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	int fds, to;

	/* sd_listen_fds(3): what was meant for another process is not for us, and so not for the container. */
	if (!n || num_int(n, 1, INT32_MAX, &fds) < 0 || !pid ||
	    num_int(pid, 1, INT32_MAX, &to) < 0 || to != getpid())
		return 0;
	return err_set(err, ENOTSUP,
		       "LISTEN_FDS=%d: a socket cannot be passed into a virtual machine", fds);
}
