/* SPDX-License-Identifier: Apache-2.0 */
/* A system bus of the test's own, dbus-daemon, and a child that plays systemd on it, with libsystemd itself. */
#ifndef MOAT_TESTS_TEST_SCOPE_H
#define MOAT_TESTS_TEST_SCOPE_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/sdbus.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"

/* ---- who plays systemd, and somebody who would like to ---- */

/* What it was told, in memory that the test sees. */
struct seen {
	unsigned int stopped;
	char text[4096];
};

static struct seen *seen;

static sd_bus *forger;

static inline void must(int r)
{
	if (r < 0)
		_exit(100);
}

static inline void note(const char *text)
{
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%s", text);
}

static inline void note_value(sd_bus_message *m, const char *type)
{
	_free_ char *text = NULL;
	const void *bytes;
	const char *s;
	uint64_t n;
	size_t len;
	int b;

	if (strcmp(type, "s") == 0) {
		must(sd_bus_message_read(m, "s", &s));
		text = strdup(s);
	} else if (strcmp(type, "t") == 0) {
		must(sd_bus_message_read(m, "t", &n));
		text = n == UINT64_MAX ? strdup("max") : str_printf("%ju", (uintmax_t)n);
	} else if (strcmp(type, "b") == 0) {
		must(sd_bus_message_read(m, "b", &b));
		text = strdup(b ? "yes" : "no");
	} else {
		must(sd_bus_message_read_array(m, type[1], &bytes, &len));
		text = type[1] == 'u' ?
			       str_printf("%u", *(const uint32_t *)bytes) :
			       str_printf("%zu bytes from %02x", len, *(const unsigned char *)bytes);
	}
	note(text);
}

static inline void note_properties(sd_bus_message *m)
{
	const char *name, *type;

	must(sd_bus_message_enter_container(m, 'a', "(sv)"));
	while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
		must(sd_bus_message_read(m, "s", &name));
		must(sd_bus_message_peek_type(m, NULL, &type));
		must(sd_bus_message_enter_container(m, 'v', type));
		note(" ");
		note(name);
		note("=");
		note_value(m, type);
		must(sd_bus_message_exit_container(m));
		must(sd_bus_message_exit_container(m));
	}
	must(sd_bus_message_exit_container(m));
}

static inline void job_removed(sd_bus *from, const char *to, const char *job, const char *result)
{
	sd_bus_message *m = NULL;

	must(sd_bus_message_new_signal(from, &m, OBJECT, MANAGER, "JobRemoved"));
	must(sd_bus_message_append(m, "uoss", 1, job, "some.scope", result));
	must(to ? sd_bus_message_set_destination(m, to) : 0);
	must(sd_bus_send(from, m, NULL));
	sd_bus_message_unref(m);
	/* With the answer to this the bus has passed it on. */
	must(sd_bus_call_method(from, "org.freedesktop.DBus", "/org/freedesktop/DBus",
				"org.freedesktop.DBus", "GetId", NULL, NULL, ""));
}

/* The unit's name says what is to become of it. */
static inline int answer(sd_bus_message *m, const char *unit)
{
	const char *to = sd_bus_message_get_sender(m);
	sd_bus *bus = sd_bus_message_get_bus(m);

	if (strcmp(unit, "silent.scope") == 0)
		return 1;
	if (strcmp(unit, "refused.scope") == 0)
		return sd_bus_reply_method_errorf(m, SYSTEMD ".UnitExists", "It\n\033[31mis");
	if (strcmp(unit, "gone.scope") == 0)
		return sd_bus_reply_method_errorf(m, SYSTEMD ".NoSuchUnit", "Unit not loaded.");
	must(sd_bus_reply_method_return(m, "o", OBJECT "/job/7"));
	/* Of another job; not systemd's, to the caller and to all who listen */
	job_removed(bus, NULL, OBJECT "/job/6", "canceled");
	job_removed(forger, to, OBJECT "/job/7", "done");
	job_removed(forger, NULL, OBJECT "/job/7", "done");
	if (strcmp(unit, "forged.scope") != 0 || seen->stopped)
		job_removed(bus, NULL, OBJECT "/job/7",
			    str_has_prefix(unit, "failing") && !seen->stopped ? "time\nout" :
										"done");
	return 1;
}

static inline int on_call(sd_bus_message *m, void *data, sd_bus_error *e)
{
	const char *unit, *mode;
	int runtime;

	(void)data;
	(void)e;
	if (sd_bus_message_is_method_call(m, MANAGER, "Subscribe"))
		return sd_bus_reply_method_return(m, "");
	if (sd_bus_message_is_method_call(m, MANAGER, "SetUnitProperties")) {
		must(sd_bus_message_read(m, "sb", &unit, &runtime));
		note(runtime ? "runtime" : "persistent");
		note_properties(m);
		return strcmp(unit, "good.scope") == 0 ? sd_bus_reply_method_return(m, "") :
							 answer(m, unit);
	}
	must(sd_bus_message_read(m, "ss", &unit, &mode));
	if (sd_bus_message_is_method_call(m, MANAGER, "StartTransientUnit")) {
		note(mode);
		note_properties(m);
	} else if (sd_bus_message_is_method_call(m, MANAGER, "StopUnit")) {
		seen->stopped++;
	} else {
		_exit(101);
	}
	return answer(m, unit);
}

static inline sd_bus *join_bus(const char *address)
{
	sd_bus *bus = NULL;

	must(sd_bus_new(&bus));
	must(sd_bus_set_address(bus, address));
	must(sd_bus_set_bus_client(bus, true));
	must(sd_bus_start(bus));
	return bus;
}

static inline void play_systemd(const char *address, int ready)
{
	sd_bus *bus = join_bus(address);

	forger = join_bus(address);
	must(sd_bus_add_object(bus, NULL, OBJECT, on_call, NULL));
	must(sd_bus_request_name(bus, SYSTEMD, 0));
	must((int)write(ready, "\n", 1));
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		must(r);
		if (r == 0)
			must(sd_bus_wait(bus, UINT64_MAX));
	}
}

/* ---- the bus ---- */

static char *dir, *socket_path;
static struct sdbus_at bus;
static pid_t children[2];
static int fds;

static inline void wait_byte(int fd)
{
	char c;

	ck_assert_int_eq(read(fd, &c, 1), 1);
}

static inline void start_bus(unsigned int timeout_ms)
{
	static char name[] = "dbus-daemon", session[] = "--session", nofork[] = "--nofork",
		    nopidfile[] = "--nopidfile", print[] = "--print-address=1";
	_free_ char *address = NULL, *option = NULL;
	int pipe_fds[2];
	struct err err = {};

	dir = unit_mkdtemp();
	socket_path = path_join(dir, "bus");
	address = str_printf("unix:path=%s", socket_path);
	option = str_printf("--address=%s", address);
	char *const argv[] = { name, session, nofork, nopidfile, option, print, NULL };
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	const struct spawn_fd out = { pipe_fds[1], STDOUT_FILENO };
	const struct spawn s = { .path = "/usr/bin/dbus-daemon",
				 .exe_fd = -EBADF,
				 .argv = argv,
				 .fds = &out,
				 .n_fds = 1,
				 .pdeathsig = SIGKILL };
	unit_ok(spawn(&s, &children[0], NULL, &err), &err);
	close(pipe_fds[1]);
	wait_byte(pipe_fds[0]);
	close(pipe_fds[0]);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	children[1] = fork();
	ck_assert_int_ge(children[1], 0);
	if (children[1] == 0) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL));
		play_systemd(address, pipe_fds[1]);
	}
	close(pipe_fds[1]);
	wait_byte(pipe_fds[0]);
	close(pipe_fds[0]);
	bus = (struct sdbus_at){ socket_path, timeout_ms };
	fds = unit_count_fds();
}

static inline void stop_bus(void)
{
	ck_assert_int_eq(unit_count_fds(), fds);
	for (int i = 1; i >= 0; i--) {
		/* The player has not given up on what it was told. */
		ck_assert_int_eq(waitpid(children[i], NULL, WNOHANG), 0);
		kill(children[i], SIGKILL);
		ck_assert_int_eq(proc_reap(children[i], NULL), 0);
	}
	munmap(seen, sizeof(*seen));
	free(socket_path);
	unit_rmdir(dir);
}

#endif
