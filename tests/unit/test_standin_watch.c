/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher of a network namespace: what it runs for, and when it ends. The kernel is played by the test. */
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "standin/watch.h"
#include "tests/unit/test_standin.h"
#include "wire/watch.h"

struct message {
	struct nlmsghdr h;
	char rest[128];
};

static size_t make(struct message *m, uint16_t type, const void *body, size_t len)
{
	memset(m, 0, sizeof(*m));
	m->h.nlmsg_type = type;
	m->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(m->rest, body, len);
	return m->h.nlmsg_len;
}

static size_t link_message(struct message *m, const char *name, unsigned int flags)
{
	const struct ifinfomsg i = { .ifi_index = 2, .ifi_flags = flags };
	size_t len = make(m, RTM_NEWLINK, &i, sizeof(i));
	struct rtattr a = { .rta_type = IFLA_IFNAME,
			    .rta_len = (unsigned short)RTA_LENGTH(strlen(name) + 1) };

	memcpy((char *)m + len, &a, sizeof(a));
	memcpy((char *)m + len + RTA_LENGTH(0), name, strlen(name) + 1);
	m->h.nlmsg_len = (uint32_t)(len + RTA_ALIGN(a.rta_len));
	return m->h.nlmsg_len;
}

START_TEST(links)
{
	struct message m;
	size_t len;

	len = link_message(&m, "eth0", IFF_UP);
	ck_assert(watch_matters(&m, len));
	m.h.nlmsg_type = RTM_DELLINK;
	ck_assert(watch_matters(&m, len));
	/* Cut off: the kernel does not do that, and nothing is read beyond it. */
	for (size_t i = 0; i < sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg); i++)
		ck_assert(!watch_matters(&m, i));
	len = link_message(&m, "moat-tap0", IFF_UP);
	ck_assert(!watch_matters(&m, len));
	len = link_message(&m, "moat-mvt12", IFF_UP);
	ck_assert(!watch_matters(&m, len));
	len = link_message(&m, "moat", IFF_UP);
	ck_assert(watch_matters(&m, len));
	len = link_message(&m, "lo", IFF_LOOPBACK);
	ck_assert(!watch_matters(&m, len));
	/* An attribute that says that it is longer than the message. */
	len = link_message(&m, "eth0", 0);
	m.rest[sizeof(struct ifinfomsg)] = 120;
	ck_assert(watch_matters(&m, len));
}
END_TEST

START_TEST(addresses)
{
	struct ifaddrmsg a = { .ifa_family = AF_INET6, .ifa_scope = RT_SCOPE_LINK };
	struct message m;
	size_t len = make(&m, RTM_NEWADDR, &a, sizeof(a));

	ck_assert(!watch_matters(&m, len));
	a.ifa_scope = RT_SCOPE_UNIVERSE;
	len = make(&m, RTM_DELADDR, &a, sizeof(a));
	ck_assert(watch_matters(&m, len));
	ck_assert(!watch_matters(&m, len - 1));
	a = (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_scope = RT_SCOPE_LINK };
	len = make(&m, RTM_NEWADDR, &a, sizeof(a));
	ck_assert(watch_matters(&m, len));
}
END_TEST

static bool route_matters(struct rtmsg r)
{
	struct message m;
	size_t len = make(&m, RTM_NEWROUTE, &r, sizeof(r));

	ck_assert(!watch_matters(&m, len - 1));
	return watch_matters(&m, len);
}

START_TEST(routes)
{
	const struct rtmsg r = { .rtm_family = AF_INET,
				 .rtm_table = RT_TABLE_MAIN,
				 .rtm_type = RTN_UNICAST,
				 .rtm_protocol = RTPROT_BOOT };
	struct rtmsg other = r;

	ck_assert(route_matters(r));
	other.rtm_protocol = RTPROT_KERNEL;
	ck_assert(!route_matters(other));
	other = r;
	other.rtm_table = RT_TABLE_LOCAL;
	ck_assert(!route_matters(other));
	other = r;
	other.rtm_type = RTN_BLACKHOLE;
	ck_assert(!route_matters(other));
	other = r;
	other.rtm_flags = RTM_F_CLONED;
	ck_assert(!route_matters(other));
}
END_TEST

START_TEST(neighbours)
{
	struct ndmsg n = { .ndm_family = AF_INET, .ndm_state = NUD_REACHABLE };
	struct message m, two[2];
	size_t len = make(&m, RTM_NEWNEIGH, &n, sizeof(n));

	ck_assert(!watch_matters(&m, len));
	n.ndm_state = NUD_PERMANENT;
	len = make(&m, RTM_NEWNEIGH, &n, sizeof(n));
	ck_assert(watch_matters(&m, len));
	/* The second of a datagram. */
	n.ndm_state = NUD_STALE;
	len = NLMSG_ALIGN(make(&two[0], RTM_NEWNEIGH, &n, sizeof(n)));
	memcpy((char *)two + len, &m, m.h.nlmsg_len);
	ck_assert(!watch_matters(two, len));
	ck_assert(watch_matters(two, len + m.h.nlmsg_len));
}
END_TEST

struct watcher {
	char *dir, *log;
	int kernel, standin[2]; /* the test's end; a pipe whose end is the stand-in's */
	pid_t pid;
};

/* It runs a shell that adds a line to `log`, then ends like that. */
static void begin(struct watcher *w, const char *last)
{
	static char name[] = WATCH_NAME, shell[] = "/bin/sh", c[] = "-c";
	int pair[2];
	struct err err = {};

	w->dir = unit_mkdtemp();
	ck_assert_int_gt(asprintf(&w->log, "%s/log", w->dir), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(pipe2(w->standin, O_CLOEXEC), 0);
	w->kernel = pair[0];

	_free_ char *script = NULL;
	ck_assert_int_gt(asprintf(&script, "echo line >>%s; %s", w->log, last), 0);
	char *const argv[] = { name, shell, c, script, NULL };
	const struct spawn s = { .path = rig_program(),
				 .exe_fd = -EBADF,
				 .argv = argv,
				 .fds = (const struct spawn_fd[]){ { pair[1], WATCH_NETLINK },
								   { w->standin[0], WATCH_STANDIN } },
				 .n_fds = 2 };

	unit_ok(spawn(&s, &w->pid, NULL, &err), &err);
	close(pair[1]);
	close(w->standin[0]);
}

static size_t lines(const struct watcher *w)
{
	_free_ char *text = NULL;
	size_t len = 0;

	return io_read_file(AT_FDCWD, w->log, 4096, &text, &len, NULL) < 0 ? 0 : len / 5;
}

static void wait_lines(const struct watcher *w, size_t n)
{
	while (lines(w) < n)
		usleep(10000);
	ck_assert_uint_eq(lines(w), n);
}

static void tell(const struct watcher *w, const char *name)
{
	struct message m;
	size_t len = link_message(&m, name, IFF_UP);

	ck_assert_int_eq(send(w->kernel, &m, len, 0), (ssize_t)len);
}

static void end(struct watcher *w)
{
	int status;

	close(w->standin[1]);
	ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(w->kernel);
	unit_rmdir(w->dir);
	free(w->log);
}

START_TEST(runs)
{
	struct watcher w;

	begin(&w, "exit 0");
	tell(&w, "moat-tap0");
	for (int i = 0; i < 20; i++)
		tell(&w, "eth1");
	wait_lines(&w, 1);
	tell(&w, "eth2");
	wait_lines(&w, 2);
	end(&w);
}
END_TEST

START_TEST(tries_again)
{
	struct watcher w;

	begin(&w, "exit 1");
	tell(&w, "eth1");
	wait_lines(&w, 2);
	end(&w);
}
END_TEST

/* Also while the command runs, which goes with it. */
START_TEST(ends)
{
	struct watcher w;

	begin(&w, "exit 0");
	end(&w);
	begin(&w, "exec sleep 1000");
	tell(&w, "eth1");
	wait_lines(&w, 1);
	end(&w);
}
END_TEST

UNIT_MAIN("standin_watch", links, addresses, routes, neighbours, runs, tries_again, ends)
