// SPDX-License-Identifier: Apache-2.0
/*
 * moat-standin: the host's side of one process in a VM. Started by the command
 * with spawn(): arguments are the container's (shown by ps, never read),
 * descriptors 0-2 its streams, 3 the set-up socket, 4 the connection to the monitor, from 5 on what is passed to it.
 */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "standin/lockdown.h"
#include "standin/pause.h"
#include "standin/session.h"
#include "standin/setup.h"
#include "standin/signals.h"
#include "standin/terminal.h"
#include "standin/watch.h"
#include "standin/world.h"
#include "wire/setup_msg.h"
#include "wire/watch.h"

#define SETUP_SOCK 3
#define MONITOR_SOCK 4
#define FIRST_PASSED 5

/* Everything up to the answer. A session is the caller's to free also on failure. */
static int prepare(struct setup *s, struct session **ret, struct err *err)
{
	struct err why = { 0 };
	int r;

	/* The streams are opened again through the host's /proc: before the world changes. */
	r = session_new(MONITOR_SOCK, s, FIRST_PASSED, ret, err);
	if (r < 0)
		return r;
	if (s->terminal && terminal_init(0, &why) < 0)
		setup_warn(s, "terminal: %s", why.msg);
	r = world_enter(s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_fds; i++)
		s->fds[i] = fd_close(s->fds[i]);
	return lockdown(s->resolver, err);
}

int main(int argc, char **argv)
{
	struct session *session = NULL;
	struct setup setup;
	struct err err = { 0 };
	int code = 1, sig = 0, r;

	if (argc == 2 && strcmp(argv[1], SETUP_PAUSE) == 0 && fcntl(SETUP_SOCK, F_GETFD) < 0)
		return pause_run();
	if (argc > 1 && strcmp(argv[0], WATCH_NAME) == 0 && fcntl(SETUP_SOCK, F_GETFD) < 0)
		return watch_run(argv + 1);
	signals_block();
	if (fd_fill_stdio() < 0)
		return code;
	r = setup_recv(SETUP_SOCK, &setup, &err);
	if (r == 0)
		r = prepare(&setup, &session, &err);
	/* The answer goes out when nothing can fail any more. A command that has gone does not hear it. */
	if (r == 0)
		r = setup_reply(SETUP_SOCK, &setup, NULL, &err);
	else
		setup_reply(SETUP_SOCK, NULL, &err, NULL);
	setup_done(&setup);
	if (r == 0)
		code = session_run(session, SETUP_SOCK, &sig);
	session_free(session);
	if (sig != 0)
		signals_die(sig);
	return code;
}
