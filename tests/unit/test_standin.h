/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in under test with everything around it played by the test: the
 * command (set-up socket), the monitor (attached connection), the caller (streams). The
 * program is the one beside this build's tests. Needs root and namespaces.
 */
#ifndef MOAT_TESTS_TEST_STANDIN_H
#define MOAT_TESTS_TEST_STANDIN_H

#define UNIT_TIMEOUT 120

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/sock.h"
#include "tests/unit/unit.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/setup_msg.h"

#define RIG_MAX_FDS 40

struct rig {
	pid_t pid;
	int setup, mon; /* the command's and the monitor's ends */
	int in, out, err; /* the caller's ends of the streams */
	char *root; /* scratch root file system */
	json_t *msg;
	int fds[RIG_MAX_FDS];
	size_t n_fds;
	json_t *reply;
	uint8_t buf[WIRE_MAX_DATA + 1]; /* payload of the last frame */
};

struct rig_options {
	int stdio[3]; /* the stand-in's ends instead of pipes; 0: pipe, -1: closed */
	bool no_pidns; /* not PID 1 */
	bool terminal;
};

static inline char *rig_program(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);

	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	for (int i = 0; i < 3; i++) /* build/X/tests/unit/test_standin_y */
		*strrchr(path, '/') = '\0';
	memcpy(strchr(path, '\0'), "/moat-standin", sizeof("/moat-standin"));
	return path;
}

/* A descriptor for the message: its index. Taken. */
static inline int rig_fd(struct rig *r, int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(r->n_fds, RIG_MAX_FDS);
	r->fds[r->n_fds] = fd;
	return (int)r->n_fds++;
}

static inline int rig_tree(struct rig *r, const char *path)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	ck_assert_msg(fd >= 0, "open_tree %s: %s", path, strerror(errno));
	return rig_fd(r, fd);
}

static inline void rig_mount(struct rig *r, const char *destination, const char *kind,
			     const char *options)
{
	json_array_append_new(json_object_get(r->msg, "mounts"),
			      json_pack("{s:s,s:s,s:s}", "destination", destination, "kind", kind,
					"options", options ? options : ""));
}

/* A rig with a scratch root and the shortest message that works. */
static inline void rig_init(struct rig *r)
{
	*r = (struct rig){ .setup = -EBADF, .mon = -EBADF, .in = -EBADF, .out = -EBADF, .err = -EBADF };
	signal(SIGPIPE, SIG_IGN);
	r->root = unit_mkdtemp();
	ck_assert_int_eq(chmod(r->root, 0755), 0);
	r->msg = json_pack("{s:s,s:s,s:{s:i},s:[]}", "id", "c1", "exec", "", "root", "fd",
			   rig_tree(r, r->root), "mounts");
	ck_assert_ptr_nonnull(r->msg);
#ifdef __SANITIZE_ADDRESS__
	rig_mount(r, "/proc", "proc", NULL); /* the leak check at exit reads it */
#endif
}

static inline void rig_bind(struct rig *r, const char *source, const char *destination,
			    bool readonly)
{
	json_array_append_new(json_object_get(r->msg, "mounts"),
			      json_pack("{s:s,s:s,s:i,s:b}", "destination", destination, "kind",
					"bind", "fd", rig_tree(r, source), "readonly", readonly));
}

static inline void rig_pipe(int *caller, int *standin, bool input)
{
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	*caller = p[input];
	*standin = p[!input];
}

/* Starts the program; nothing is sent yet. */
static inline void rig_spawn(struct rig *r, const struct rig_options *o)
{
	static char *const argv[] = { (char *)"sleep", (char *)"1000", NULL };
	static char *const envp[] = {
		(char *)"ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0", NULL
	};
	int setup[2], mon[2], std[3], *ends[3] = { &r->in, &r->out, &r->err };
	struct err err = { 0 };

	unit_ok(sock_pair(setup, &err), &err);
	unit_ok(sock_pair(mon, &err), &err);
	for (int i = 0; i < 3; i++) {
		std[i] = o->stdio[i];
		if (std[i] == 0)
			rig_pipe(ends[i], &std[i], i == 0);
	}
	struct spawn_fd fds[] = { { std[0] < 0 ? -EBADF : std[0], 0 },
				  { std[1] < 0 ? -EBADF : std[1], 1 },
				  { std[2] < 0 ? -EBADF : std[2], 2 },
				  { setup[1], 3 },
				  { mon[1], 4 } };
	struct spawn s = {
		.path = rig_program(),
		.exe_fd = -EBADF,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.n_fds = ARRAY_SIZE(fds),
		.clone_flags = o->no_pidns ? 0 : CLONE_NEWPID,
		.new_session = true,
	};
	unit_ok(spawn(&s, &r->pid, NULL, &err), &err);
	close(setup[1]);
	close(mon[1]);
	for (int i = 0; i < 3; i++)
		if (o->stdio[i] == 0)
			close(std[i]);
	r->setup = setup[0];
	r->mon = mon[0];
	if (o->terminal)
		json_object_set_new(r->msg, "terminal", json_true());
}

static inline void rig_send_setup(struct rig *r)
{
	struct err err = { 0 };

	unit_ok(setup_msg_send(r->setup, r->msg, r->fds, r->n_fds, &err), &err);
	for (size_t i = 0; i < r->n_fds; i++)
		close(r->fds[i]);
	r->n_fds = 0;
}

/* The answer, kept in r->reply. */
static inline json_t *rig_recv_reply(struct rig *r)
{
	struct setup_limits limits = { 0 };
	struct err err = { 0 };
	size_t n;
	int *fds;

	json_decref(r->reply);
	r->reply = NULL;
	unit_ok(setup_msg_recv(r->setup, &limits, &r->reply, &fds, &n, &err), &err);
	setup_msg_close(fds, n);
	return r->reply;
}

static inline void rig_expect_ok(struct rig *r)
{
	json_t *reply = rig_recv_reply(r);
	_free_ char *text = js_dump(reply);

	ck_assert_msg(js_get_bool(reply, "ok", false), "%s", text);
}

/* ---- the monitor's side ---- */

static inline void rig_put(struct rig *r, enum wire_type type, uint32_t id, const void *payload,
			   size_t len)
{
	static uint8_t frame[WIRE_HEADER_SIZE + WIRE_MAX_DATA];

	/* In one piece: it may be the reason for the other side to leave. */
	ck_assert_uint_le(len, WIRE_MAX_DATA);
	wire_put_header(frame, type, id, (uint32_t)len);
	if (len)
		memcpy(frame + WIRE_HEADER_SIZE, payload, len);
	ck_assert_int_eq(io_write_all(r->mon, frame, WIRE_HEADER_SIZE + len), 0);
}

static inline void rig_put_text(struct rig *r, enum wire_type type, uint32_t id, const char *text)
{
	rig_put(r, type, id, text, strlen(text));
}

/* The next frame, its payload NUL-terminated in r->buf. False at the end or after ms without one. */
static inline bool rig_get(struct rig *r, struct wire_frame *f, int ms)
{
	struct pollfd p = { .fd = r->mon, .events = POLLIN };
	uint8_t h[WIRE_HEADER_SIZE];
	struct err err = { 0 };

	if (poll(&p, 1, ms) <= 0 || io_read_all(r->mon, h, sizeof(h)) < 0)
		return false;
	unit_ok(wire_get_header(h, true, f, &err), &err);
	ck_assert_uint_le(f->len, WIRE_MAX_DATA);
	ck_assert_int_eq(io_read_all(r->mon, r->buf, f->len), 0);
	r->buf[f->len] = '\0';
	f->payload = r->buf;
	return true;
}

/* The next frame must be of this type and id, and its text this one (NULL: any). */
static inline struct wire_frame rig_expect(struct rig *r, enum wire_type type, uint32_t id,
					   const char *text)
{
	struct wire_frame f;

	ck_assert_msg(rig_get(r, &f, 10000), "no frame where one of type %d was expected", type);
	ck_assert_msg(f.type == type && f.id == id, "type %d, id %u (%.200s), not %d, %u", f.type,
		      f.id, r->buf, type, id);
	if (text)
		ck_assert_str_eq((const char *)r->buf, text);
	return f;
}

static inline void rig_expect_attach(struct rig *r)
{
	rig_expect(r, WIRE_REQUEST, 1, NULL);
	ck_assert_ptr_nonnull(strstr((const char *)r->buf, "\"method\":\"attach\""));
}

static inline void rig_go(struct rig *r)
{
	ck_assert_int_eq(io_write_all(r->setup, "g", 1), 0);
	r->setup = fd_close(r->setup);
}

/* Everything from the start to go. */
static inline void rig_start(struct rig *r, const struct rig_options *o)
{
	rig_spawn(r, o);
	rig_send_setup(r);
	rig_expect_ok(r);
	rig_expect_attach(r);
	rig_put_text(r, WIRE_REPLY, 1, "{\"result\":{}}");
	rig_go(r);
}

/* The wait status; it must end within 20 s. */
static inline int rig_wait(struct rig *r)
{
	int status = -1;

	for (int i = 0; i < 2000; i++) {
		if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
			r->pid = 0;
			return status;
		}
		usleep(10000);
	}
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	r->pid = 0;
	ck_abort_msg("the stand-in does not end");
	return -1;
}

static inline void rig_expect_exit(struct rig *r, int code)
{
	int status = rig_wait(r);

	ck_assert_msg(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), code);
}

/* Field n (from 4 on) of its /proc/PID/stat. */
static inline long rig_stat(struct rig *r, int n)
{
	char path[64];
	_free_ char *text = NULL;
	struct err err = { 0 };

	snprintf(path, sizeof(path), "/proc/%d/stat", r->pid);
	unit_ok(io_read_file(AT_FDCWD, path, 4096, &text, NULL, &err), &err);
	char *p = strrchr(text, ')') + 3; /* field 3, a letter */
	for (int i = 3; i < n; i++)
		p = strchr(p, ' ') + 1;
	return strtol(p, NULL, 10);
}

static inline void rig_done(struct rig *r)
{
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	fd_close(r->setup);
	fd_close(r->mon);
	fd_close(r->in);
	fd_close(r->out);
	fd_close(r->err);
	json_decref(r->msg);
	json_decref(r->reply);
	for (size_t i = 0; i < r->n_fds; i++)
		close(r->fds[i]);
	unit_rmdir(r->root);
}

#endif
