/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-agent: PID 1 of a guest. With --test-fd it runs as an ordinary process
 * on a development machine, with a socket in place of the channel.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/boot.h"
#include "agent/caps.h"
#include "agent/channel.h"
#include "agent/container.h"
#include "agent/reaper.h"
#include "agent/resize.h"
#include "agent/server.h"
#include "agent/trim.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/num.h"
#include "version.h"

#define PORT_TIMEOUT_MS 30000

/* ---- the host's connection ---- */

static void open_channel(struct agent *a)
{
	char kind[16] = "virtio", text[16] = "";
	bool vsock;
	uint32_t port;
	struct err err;
	int fd;

	boot_param("moat.channel", kind, sizeof(kind));
	vsock = !strcmp(kind, "vsock");
	if (!vsock && strcmp(kind, "virtio") != 0)
		agent_fatal("moat.channel=%s: virtio or vsock is expected", kind);
	boot_param("moat.port", text, sizeof(text));
	if (vsock && num_u32(text, 1, UINT32_MAX - 1, &port) < 0)
		agent_fatal("moat.port=%s: a vsock port is expected", text);
	fd = vsock ? channel_connect_vsock(port, &err) : channel_open_port(PORT_TIMEOUT_MS, &err);
	if (fd < 0 || server_attach(a, fd, !vsock, &err) < 0)
		agent_fatal("channel: %s", err.msg);
}

/* ---- start ---- */

struct test_options {
	int fd;
	const char *share, *cgroup, *state;
};

static bool parse_options(int argc, char **argv, struct test_options *t)
{
	static const struct option options[] = {
		{ "test-fd", required_argument, NULL, 't' },
		{ "share", required_argument, NULL, 's' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*t = (struct test_options){ .fd = -EBADF };
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 'v') {
			io_write_all(STDOUT_FILENO, "moat-agent " MOAT_VERSION "\n",
				     strlen("moat-agent " MOAT_VERSION "\n"));
			_exit(0);
		}
		if (opt == 't' && num_int(optarg, 0, 65535, &t->fd) < 0)
			return false;
		if (opt == 's')
			t->share = optarg;
		if (opt == 'c')
			t->cgroup = optarg;
		if (opt == 'd')
			t->state = optarg;
		if (opt == '?')
			return false;
	}
	return t->fd >= 0 && t->state;
}

static void start_test(struct agent *a, int argc, char **argv)
{
	struct test_options t;
	struct err err;

	a->test = true;
	agent_set_test();
	if (!parse_options(argc, argv, &t))
		agent_fatal(
			"this program is PID 1 of a guest (tests: --test-fd N --state DIR [--share DIR] [--cgroup DIR])");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fd_set_cloexec(t.fd, true);
	if (boot_test(a, t.share, t.cgroup, t.state, &err) < 0 ||
	    server_attach(a, t.fd, false, &err) < 0)
		agent_fatal("%s", err.msg);
}

int main(int argc, char **argv)
{
	static struct agent agent = { .proc_fd = -EBADF,
				      .cgroup_fd = -EBADF,
				      .own_ns = { -EBADF, -EBADF, -EBADF, -EBADF } };
	struct agent *a = &agent;
	struct err err;
	bool guest = getpid() == 1;

	log_set_sink(server_log, a);
	log_set_level(LOG_LEVEL_INFO);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	if (guest)
		boot_guest(a);
	caps_last();
	if (loop_new(&a->loop, &err) < 0 || reaper_start(a, &err) < 0)
		agent_fatal("%s", err.msg);
	a->mux.loop = a->loop;
	if (guest) {
		resize_begin(a);
		/* The host can greet while the rest is made. */
		open_channel(a);
		boot_cgroups(a);
	} else {
		start_test(a, argc, argv);
	}
	trim_memory();
	loop_run(a->loop, &err);
	agent_fatal("%s", err.msg);
}
