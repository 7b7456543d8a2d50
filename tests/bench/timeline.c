/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline ROOT ID COMMAND ARG...
 *
 * Runs a `moat run` of container ID below ROOT and prints, as "STEP<tab>milliseconds since its start", what can
 * be seen of it from outside: directory, phases in state.json, lines of monitor.log, ends of the processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"

enum { INOTIFY, COMMAND, MONITOR, STANDIN, FDS };

static struct {
	const char *id;
	double start, start_real; /* the same moment by the clock of logs */
	int root, dir, log; /* descriptors: directories of state, the log */
	int root_watch, dir_watch;
	struct pollfd fds[FDS];
	bool seen[FDS];
	char phase[32];
	char line[4096]; /* of the log, as far as it has been read */
	size_t len;
} t = { .dir = -1, .log = -1 };

static double now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void step_at(double at, const char *name)
{
	printf("%s\t%.3f\n", name, at);
}

static void step(const char *name)
{
	step_at(now_ms(CLOCK_MONOTONIC) - t.start, name);
}

static void die(const char *what)
{
	fprintf(stderr, "timeline: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void watch_process(int i, int64_t pid)
{
	if (t.seen[i] || pid <= 0)
		return;
	t.seen[i] = true;
	t.fds[i].fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	/* A stand-in is recorded long after it has started. */
	if (t.fds[i].fd >= 0 && i == MONITOR)
		step("monitor started");
}

static void read_state(void)
{
	_free_ char *text = NULL;
	_json_ json_t *tree = NULL;
	const char *phase;
	char what[64];
	size_t len;

	if (io_read_file(t.dir, "state.json", 1 << 20, &text, &len, NULL) < 0 ||
	    js_parse(text, len, NULL, &tree, NULL) < 0)
		return;
	watch_process(MONITOR, js_get_int(json_object_get(tree, "monitor"), "pid", 0));
	watch_process(STANDIN, js_get_int(json_object_get(tree, "standin"), "pid", 0));
	phase = js_get_str(tree, "phase");
	if (!phase || strcmp(phase, t.phase) == 0)
		return;
	snprintf(t.phase, sizeof(t.phase), "%s", phase);
	snprintf(what, sizeof(what), "state file says %s", phase);
	step(what);
}

/* What a line of the log stands for, by its beginning; others stand for themselves. */
static const struct {
	const char *line, *step;
} known[] = {
	{ "jail entered", "monitor is in its jail" },
	{ "hypervisor started", "QEMU started" },
	{ "memory of the template copied", "memory of the template copied" },
	{ "qemu answers", "QEMU answers (QMP)" },
	{ "virtual machine is there", "machine is there, paused; restored if from a template" },
	{ "devices attached", "devices plugged" },
	{ "ready", "guest set up, share mounted" },
	{ "hypervisor is told to quit", "QEMU is told to quit" },
	{ "vm: exit status", "QEMU ended" },
	{ "ended", "monitor has taken the machine down" },
	{ "agent: ", NULL },
};

/* time="2026-11-20T12:39:50.123456Z" level=info msg="ready": its own time is exact, this process may come late. */
static void log_line(char *line)
{
	char *msg = strstr(line, " msg=\""), *end;
	struct tm tm = {};
	double us, at;

	end = strptime(line, "time=\"%Y-%m-%dT%H:%M:%S.", &tm);
	if (!msg || !end || sscanf(end, "%6lfZ", &us) != 1)
		return;
	at = (double)timegm(&tm) * 1e3 + us / 1e3 - t.start_real;
	msg += strlen(" msg=\"");
	end = strrchr(msg, '"');
	if (end)
		*end = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_has_prefix(msg, known[i].line)) {
			if (known[i].step)
				step_at(at, known[i].step);
			return;
		}
	step_at(at, msg);
}

static void read_log(void)
{
	ssize_t n;

	if (t.log < 0)
		t.log = openat(t.dir, "monitor.log", O_RDONLY | O_CLOEXEC);
	while (t.log >= 0 && t.len < sizeof(t.line) - 1 &&
	       (n = read(t.log, t.line + t.len, sizeof(t.line) - 1 - t.len)) > 0) {
		t.len += (size_t)n;
		t.line[t.len] = '\0';
		char *line = t.line;
		for (char *nl; (nl = strchr(line, '\n')); line = nl + 1) {
			*nl = '\0';
			log_line(line);
		}
		t.len = strlen(line);
		memmove(t.line, line, t.len + 1);
		if (t.len == sizeof(t.line) - 1)
			t.len = 0;
	}
}

static void on_root(const struct inotify_event *ev)
{
	char path[64];

	if (strcmp(ev->name, t.id) != 0)
		return;
	if (ev->mask & IN_DELETE) {
		step("directory removed");
		return;
	}
	step("id claimed");
	t.dir = openat(t.root, t.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t.dir);
	t.dir_watch = inotify_add_watch(t.fds[INOTIFY].fd, path,
					IN_MOVED_TO | IN_CREATE | IN_MODIFY);
	if (t.dir < 0 || t.dir_watch < 0)
		die(t.id);
	/* What happened before the watch. */
	read_state();
	read_log();
}

static void on_inotify(void)
{
	char buf[8192] __attribute__((aligned(8)));
	ssize_t n = read(t.fds[INOTIFY].fd, buf, sizeof(buf));
	const struct inotify_event *ev;

	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*ev) + ev->len)) {
		ev = (const struct inotify_event *)(const void *)(buf + at);
		if (ev->len == 0)
			continue;
		if (ev->wd == t.root_watch)
			on_root(ev);
		else if (strcmp(ev->name, "state.json") == 0)
			read_state();
		else if (strcmp(ev->name, "monitor.log") == 0)
			read_log();
	}
}

static pid_t start(char **argv)
{
	pid_t pid;

	t.start = now_ms(CLOCK_MONOTONIC);
	t.start_real = now_ms(CLOCK_REALTIME);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (pid < 0)
		die("fork");
	return pid;
}

static void watch(void)
{
	static const char *const ends[FDS] = { NULL, "command ended", "monitor ended",
					       "stand-in ended" };

	while (t.fds[COMMAND].fd >= 0) {
		if (poll(t.fds, FDS, -1) < 0)
			die("poll");
		if (t.fds[INOTIFY].revents)
			on_inotify();
		for (int i = COMMAND; i < FDS; i++) {
			if (t.fds[i].fd < 0 || !t.fds[i].revents)
				continue;
			step(ends[i]);
			close(t.fds[i].fd);
			t.fds[i].fd = -1;
		}
	}
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 4) {
		fputs("usage: timeline ROOT ID COMMAND ARG...\n", stderr);
		return 2;
	}
	setlinebuf(stdout);
	t.id = argv[2];
	t.root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t.root < 0)
		die(argv[1]);
	for (int i = 0; i < FDS; i++)
		t.fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	t.fds[INOTIFY].fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	t.root_watch = inotify_add_watch(t.fds[INOTIFY].fd, argv[1], IN_CREATE | IN_DELETE);
	if (t.root_watch < 0)
		die("inotify");
	pid = start(argv + 3);
	t.fds[COMMAND].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	watch();
	read_log();
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
