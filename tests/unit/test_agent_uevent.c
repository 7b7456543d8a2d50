/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/uevent.h"
#include "base/cleanup.h"
#include "tests/unit/unit.h"

struct looks {
	int n; /* calls so far */
	int found_at; /* the call that finds it; 0: none */
	int result;
	int sender; /* at the second call, when somebody listens, */
	const char *events[4]; /* these are sent */
};

static void send_event(int sender, const char *event)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1 };

	ck_assert_int_eq(sendto(sender, event, strlen(event) + 1, 0, (struct sockaddr *)&to,
				sizeof(to)),
			 (int)strlen(event) + 1);
}

static int look(void *data, struct err *err)
{
	struct looks *l = data;

	l->n++;
	if (l->n == l->found_at)
		return l->result < 0 ? err_set(err, -l->result, "looked") : l->result;
	for (size_t i = 0; l->n == 2 && l->events[i]; i++)
		send_event(l->sender, l->events[i]);
	return -ENOENT;
}

/* A network namespace of our own, in which nobody else hears what we make up. -EBADF: not allowed here. */
static int make_sender(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return -EBADF;
	return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
}

START_TEST(there_at_once)
{
	struct looks l = { .found_at = 1, .result = 7 };
	struct err err = {};
	int fds = unit_count_fds();

	ck_assert_int_eq(uevent_until("x", look, &l, 0, &err), 7);
	ck_assert_int_eq(l.n, 1);
	/* Any other error ends it as well. */
	l = (struct looks){ .found_at = 1, .result = -EIO };
	unit_fails(uevent_until("x", look, &l, 10000, &err), EIO, &err, "looked");
	ck_assert_int_eq(l.n, 1);
	/* Between the first look and the listening */
	l = (struct looks){ .found_at = 2, .result = 3 };
	ck_assert_int_eq(uevent_until("x", look, &l, 0, &err), 3);
	ck_assert_int_eq(unit_count_fds(), fds);
}
END_TEST

START_TEST(never_there)
{
	struct looks l = {};
	struct err err = {};
	int fds = unit_count_fds();

	ck_assert_int_eq(uevent_until("/none/such", look, &l, 30, &err), -ETIMEDOUT);
	ck_assert_int_eq(err.code, 0);
	ck_assert_int_ge(l.n, 2);
	ck_assert_int_eq(unit_count_fds(), fds);
}
END_TEST

START_TEST(after_an_event)
{
	_close_ int sender = make_sender();
	struct looks l = {
		.found_at = 3,
		.result = 5,
		.sender = sender,
		.events = { "add@/devices/other", "add@/devices/wanted/x" },
	};
	struct err err = {};

	if (sender < 0)
		return;
	ck_assert_int_eq(uevent_until("/wanted/", look, &l, 20000, &err), 5);
	ck_assert_int_eq(l.n, 3);
	/* Reported, but not there yet: there is a last look when the time is over. */
	l.n = 0;
	l.found_at = 4;
	ck_assert_int_eq(uevent_until("/wanted/", look, &l, 100, &err), 5);
}
END_TEST

/* Others' events neither make it look again nor move the deadline. */
START_TEST(others_events)
{
	_close_ int sender = make_sender();
	struct looks l = { .sender = sender, .events = { "add@/devices/other" } };
	struct err err = {};
	int status;

	if (sender < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 1000; i++) {
			send_event(sender, "change@/devices/other");
			usleep(10000);
		}
		_exit(0);
	}
	ck_assert_int_eq(uevent_until("/wanted/", look, &l, 100, &err), -ETIMEDOUT);
	ck_assert_int_eq(l.n, 3);
	/* It is still at it. */
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

UNIT_MAIN("agent_uevent", there_at_once, never_there, after_an_event, others_events)
