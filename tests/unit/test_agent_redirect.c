/* SPDX-License-Identifier: Apache-2.0 */
/* A name server at any port whose clients know it by another: BPF on the root of cgroup v2, in a network namespace of the test's. */
#include "agent/resolver_redirect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "tests/unit/unit.h"

static struct sockaddr_in known = { .sin_family = AF_INET };
static int udp, tcp, links[RESOLVER_REDIRECTS];

static void new_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
}

/* A socket of the container's or of ours. */
static int server(int type, in_addr_t address, uint16_t port)
{
	struct sockaddr_in at = known;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(address);
	at.sin_port = htons(port);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert(type != SOCK_STREAM || listen(fd, 5) == 0);
	return fd;
}

static void begin(uint32_t address)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	_close_ int cgroup = -EBADF;
	struct err err = {};

	for (size_t i = 0; cgroup < 0 && i < ARRAY_SIZE(roots); i++)
		cgroup = open(roots[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	new_network();
	known.sin_addr.s_addr = htonl(address);
	known.sin_port = htons(53);
	udp = server(SOCK_DGRAM, address, 0);
	tcp = server(SOCK_STREAM, address, 0);
	unit_ok(resolver_redirect(cgroup, &known, udp, tcp, links, &err), &err);
}

static void end(void)
{
	for (size_t i = 0; i < RESOLVER_REDIRECTS; i++)
		close(links[i]);
	close(udp);
	close(tcp);
}

static void expect_known(const struct sockaddr_in *a)
{
	ck_assert_uint_eq(a->sin_addr.s_addr, known.sin_addr.s_addr);
	ck_assert_uint_eq(ntohs(a->sin_port), 53);
}

/* Both ways, connected or not: the client sees the port that it asked. */
static void ask_udp(bool connected)
{
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in from = {};
	socklen_t len = sizeof(from);
	char text[8];

	if (connected)
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&known, sizeof(known)), 0);
	ck_assert_int_eq(sendto(fd, "name", 4, 0, connected ? NULL : (struct sockaddr *)&known,
				connected ? 0 : sizeof(known)),
			 4);
	ck_assert_int_eq(recvfrom(udp, text, 8, 0, (struct sockaddr *)&from, &len), 4);
	ck_assert_int_eq(sendto(udp, "answer", 6, 0, (struct sockaddr *)&from, len), 6);
	ck_assert_int_eq(recvfrom(fd, text, 8, 0, (struct sockaddr *)&from, &len), 6);
	expect_known(&from);
	if (connected) {
		ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&from, &len), 0);
		expect_known(&from);
	}
}

static void ask_tcp(void)
{
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in peer = {};
	socklen_t len = sizeof(peer);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&known, sizeof(known)), 0);
	_close_ int there = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(there, 0);
	ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
	expect_known(&peer);
}

static int connect_refused(uint32_t address, uint16_t port)
{
	struct sockaddr_in at = known;
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(address);
	at.sin_port = htons(port);
	return connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno == ECONNREFUSED;
}

/* Beside a server of the container's own at the same port of every address, which keeps what is its. */
static void redirects(uint32_t address)
{
	begin(address);
	ask_udp(false);
	ask_udp(true);
	ask_tcp();
	_close_ int own_udp = server(SOCK_DGRAM, INADDR_ANY, 53);
	_close_ int own_tcp = server(SOCK_STREAM, INADDR_ANY, 53);
	ask_udp(false);
	ask_tcp();
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in own = known;
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	_close_ int there = accept4(own_tcp, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(there, 0);
	ck_assert(connect_refused(address, 54));
	end();
}

START_TEST(both_transports)
{
	redirects(0x7f00000b);
	redirects(0x7f0000fe); /* negative as a number of the program */
}
END_TEST

/* Not in another network namespace, and not when it is closed. */
START_TEST(only_there)
{
	_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	begin(0x7f00000b);
	_close_ int there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	new_network();
	_close_ int other = server(SOCK_STREAM, 0x7f00000b, 53);
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&known, sizeof(known)), 0);
	ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
	ask_tcp();
	end();
	ck_assert(connect_refused(0x7f00000b, 53));
	ck_assert_int_eq(setns(home, CLONE_NEWNET), 0);
}
END_TEST

START_TEST(no_cgroup)
{
	struct err err = {};

	begin(0x7f00000b);
	_close_ int plain = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_lt(resolver_redirect(plain, &known, udp, tcp, links, &err), 0);
	ck_assert(strstr(err.msg, "redirect"));
	end();
}
END_TEST

UNIT_MAIN_ROOT("agent_redirect", both_transports, only_there, no_cgroup)
