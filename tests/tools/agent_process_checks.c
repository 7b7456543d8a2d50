/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: their streams, terminals and ends. */
#include "tests/tools/agent_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

void check_stdin(struct drive *d)
{
	size_t size = 8 << 20;
	_free_ char *data = malloc(size);
	struct err err;
	struct guest_process *p = start_new(d, "cat", config("cat; echo done >&2"), &err);

	if (!p || !data)
		return;
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 31 + i / 251);
	client_write(&d->client, p, data, size);
	client_eof(&d->client, p);
	EXPECT(d, client_wait_exit(&d->client, p, 60000), "cat hangs after %zu",
	       (size_t)p->received[0]);
	EXPECT(d, p->out[0].len == size && !memcmp(p->out[0].data, data, size), "%zu bytes",
	       p->out[0].len);
	EXPECT(d, !strcmp(errs(p), "done\n"), "%s", errs(p));
	call_id(d, "container.delete", "cat", &err);
	p = start_new(d, "nocat", config("exec <&-; echo ready; sleep 1"), &err);
	client_wait_output(&d->client, p, "ready", 10000);
	client_write(&d->client, p, "x", 1);
	client_wait_exit(&d->client, p, 20000);
	EXPECT(d, p->closed_in, "CLOSE for closed stdin");
	call_id(d, "container.delete", "nocat", &err);
}

void check_exec(struct drive *d)
{
	struct err err;
	struct guest_process *c = start_new(
		d, "host", config("trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done"), &err);
	struct guest_process *p;
	json_t *process;

	if (!c)
		return;
	client_wait_output(&d->client, c, "up", 10000);
	process = exec_process("echo $X $(pwd) $(id -u):$(id -g) $HOME $$; cat; exit 5");
	json_object_set_new(process, "cwd", json_string("/tmp"));
	json_object_set_new(process, "user",
			    json_pack("{s:i,s:i,s:[i]}", "uid", 1000, "gid", 1000, "additionalGids",
				      7));
	p = exec(d, "host", "e1", process, &err);
	EXPECT(d, p, "%s", err.msg);
	client_write(&d->client, p, "input", 5);
	client_eof(&d->client, p);
	EXPECT(d, client_wait_exit(&d->client, p, 20000) && p->code == 5, "code %d", p->code);
	EXPECT(d, has(p, "last /tmp 1000:1000 /home/user ") && has(p, "\ninput"), "%s / %s", out(p),
	       errs(p));
	p = exec(d, "host", "e2",
		 exec_process(
			 "echo hi >/dev/stdout; cat /proc/1/comm; ls -l /proc/self/fd; readlink /proc/1/exe; "
			 "ls -d /run/moat /proc/2 2>&1; cat /proc/self/cgroup; readlink /proc/self/ns/* /proc/1/ns/* | sort | uniq -c"),
		 &err);
	client_wait_exit(&d->client, p, 20000);
	EXPECT(d, has(p, "hi\nsh\n") && !has(p, "3 -> pipe") && !has(p, "4 -> "), "%s", out(p));
	EXPECT(d, !has(p, "      1 "), "not the same namespaces: %s", out(p));
	EXPECT(d,
	       !exec(d, "host", "e3",
		     json_pack("{s:[s],s:s,s:[s]}", "args", "nonexistent", "cwd", "/", "env",
			       "PATH=/bin"),
		     &err) &&
		       !strcmp(err.msg,
			       "unable to start container process: exec: \"nonexistent\": executable file not found in $PATH"),
	       "%s", err.msg);
	process = exec_process("true");
	json_object_set_new(process, "cwd", json_string("/nope"));
	EXPECT(d,
	       !exec(d, "host", "e3", process, &err) &&
		       strstr(err.msg,
			      "chdir to cwd (\"/nope\") set in config.json failed: no such file or directory"),
	       "%s", err.msg);
	/* A grandchild that keeps stdout does not delay the exit. */
	p = exec(d, "host", "e4", exec_process("sleep 30 & echo hi"), &err);
	EXPECT(d, client_wait_exit(&d->client, p, 20000) && p->code == 0 && has(p, "hi"),
	       "%s %d %d", out(p), p->code, p->signal);
	p = exec(d, "host", "e5", exec_process("sleep 100"), &err);
	EXPECT(d, kill_process(d, "host", "e5", SIGKILL, false, &err) == 0, "%s", err.msg);
	EXPECT(d, client_wait_exit(&d->client, p, 5000) && p->signal == SIGKILL && p->code == -1,
	       "%d %d", p->signal, p->code);
	EXPECT(d, kill_process(d, "host", "e5", SIGKILL, false, &err) == -ESRCH, "%s", err.msg);
	p = exec(d, "host", "e6", exec_process("sleep 100"), &err);
	EXPECT(d, kill_process(d, "host", "", SIGTERM, false, &err) == 0, "%s", err.msg);
	EXPECT(d, client_wait_exit(&d->client, c, 5000) && c->code == 3, "%d %d", c->signal,
	       c->code);
	EXPECT(d, p->exited && p->signal == SIGKILL, "exec ends before init");
	EXPECT(d,
	       !exec(d, "host", "e7", exec_process("true"), &err) &&
		       !strcmp(err.msg, "cannot exec in a stopped container"),
	       "%s", err.msg);
	EXPECT(d,
	       kill_process(d, "host", "", SIGTERM, false, &err) == -ESRCH &&
		       !strcmp(err.msg, "container not running"),
	       "%s", err.msg);
	EXPECT(d, kill_process(d, "host", "", SIGTERM, true, &err) == 0, "%s", err.msg);
	EXPECT(d, call_id(d, "container.delete", "host", &err) == 0, "%s", err.msg);
}

void check_created(struct drive *d)
{
	struct err err;
	struct guest_process *p = create(d, "c", config("echo started; sleep 100"), &err), *e;

	EXPECT(d, p, "%s", err.msg);
	EXPECT(d,
	       !create(d, "c", config("true"), &err) &&
		       !strcmp(err.msg, "container with given ID already exists"),
	       "%s", err.msg);
	e = exec(d, "c", "look",
		 exec_process(
			 "ps; ls -l /proc/1/fd; ls -l /proc/1/exe; ls /proc/1/root/; cat /proc/1/maps"),
		 &err);
	EXPECT(d, e && client_wait_exit(&d->client, e, 20000), "%s", err.msg);
	EXPECT(d, !strstr(out(e), " -> /"), "the waiting init holds or shows files: %s", out(e));
	if (d->client.verbose)
		printf("created: %s%s", out(e), errs(e));
	EXPECT(d, kill_process(d, "c", "", SIGTERM, false, &err) == 0, "%s", err.msg);
	EXPECT(d, client_wait_exit(&d->client, p, 5000) && p->code == 128 + SIGTERM, "%d %d %d",
	       p->exited, p->code, p->signal);
	EXPECT(d,
	       call_id(d, "container.start", "c", &err) < 0 &&
		       !strcmp(err.msg, "cannot start a container that has stopped"),
	       "%s", err.msg);
	call_id(d, "container.delete", "c", &err);
	p = create(d, "c", config("sleep 100"), &err);
	EXPECT(d,
	       call_id(d, "container.delete", "c", &err) == 0 && p->exited && p->signal == SIGKILL,
	       "%s %d/%d", err.msg, p->code, p->signal);
	p = start_new(d, "c", config("sleep 100"), &err);
	EXPECT(d,
	       call_id(d, "container.start", "c", &err) < 0 &&
		       !strcmp(err.msg, "cannot start an already running container"),
	       "%s", err.msg);
	call_id(d, "container.delete", "c", &err);
	p = create(d, "c", with_args("/tmp/bad"), &err);
	EXPECT(d, !p, "%s", err.msg);
	/* Fails at execve only. */
	char path[256];
	snprintf(path, sizeof(path), "%s/root/tmp/bad", d->share);
	FILE *f = fopen(path, "w");
	fprintf(f, "\177ELF rubbish");
	fclose(f);
	chmod(path, 0755);
	p = start_new(d, "c", with_args("/tmp/bad"), &err);
	EXPECT(d,
	       p && client_wait_exit(&d->client, p, 5000) && p->code == 1 &&
		       !strcmp(errs(p), "exec /tmp/bad: exec format error\n"),
	       "%s", errs(p));
	call_id(d, "container.delete", "c", &err);
}

void check_tty(struct drive *d)
{
	struct err err;
	json_t *c = config(
		"tty; stty size; echo term=$TERM; ls -l /dev/console /dev/pts; echo go; [ -t 0 ] && cat </dev/tty; stty -a");
	struct guest_process *p, *e;

	terminal(process_of(c));
	p = start_new(d, "tty", c, &err);
	if (!p)
		return;
	client_wait_output(&d->client, p, "term=xterm", 10000);
	EXPECT(d, has(p, "/dev/pts/0\n24 81\nterm=xterm\n"), "%s", out(p));
	EXPECT(d,
	       client_call(&d->client, "process.resize",
			   json_pack("{s:s,s:s,s:i,s:i,s:b}", "id", "tty", "exec", "", "rows", 30,
				     "cols", 90, "onlcr", 1),
			   NULL, &err) == 0,
	       "%s", err.msg);
	e = exec(d, "tty", "e",
		 terminal(exec_process(
			 "tty; stty size </dev/pts/0; echo out; echo err >&2; kill -9 $$")),
		 &err);
	EXPECT(d, e && client_wait_exit(&d->client, e, 5000) && e->signal == 9, "%s", err.msg);
	EXPECT(d, has(e, "/dev/pts/1\n30 90\nout\nerr\n"), "%s", out(e));
	client_wait_output(&d->client, p, "go", 10000);
	client_write(&d->client, p, "typed\n", 6);
	EXPECT(d, client_wait_output(&d->client, p, "typed\r\ntyped\r\n", 5000), "%s", out(p));
	client_eof(&d->client, p);
	EXPECT(d, client_wait_exit(&d->client, p, 5000) && p->code == 0, "%d", p->code);
	EXPECT(d, has(p, " onlcr"), "%s", out(p));
	call_id(d, "container.delete", "tty", &err);
	/* Much output at the end; hang-up by CLOSE. */
	c = config("seq 1 20000");
	terminal(process_of(c));
	p = run_config(d, c);
	EXPECT(d, p && p->out[0].len == 108894, "%zu", p ? p->out[0].len : 0);
	c = config("sleep 100");
	terminal(process_of(c));
	p = start_new(d, "tty", c, &err);
	if (!p)
		return;
	json_object_set_new(c = config("echo; sleep 100"), "x", json_null());
	json_decref(c);
	wire_send(d->client.conn, WIRE_CLOSE, p->stream + 1, NULL, 0);
	e = exec(d, "tty", "e", terminal(exec_process("sleep 100")), &err);
	wire_send(d->client.conn, WIRE_CLOSE, e->stream + 1, NULL, 0);
	EXPECT(d, client_wait_exit(&d->client, e, 5000) && e->signal == SIGHUP, "%d %d", e->code,
	       e->signal);
	call_id(d, "container.delete", "tty", &err);
}

void check_flow(struct drive *d)
{
	struct err err;
	struct guest_process *p = start_new(d, "flow", config("sleep 1000"), &err), *y, *e;

	if (!p)
		return;
	d->exec_hold = true;
	y = exec(d, "flow", "yes", exec_process("yes"), &err);
	d->exec_hold = false;
	e = exec(d, "flow", "other", exec_process("sleep 0.5; seq 1 100000 | tail -n 1"), &err);
	EXPECT(d, client_wait_exit(&d->client, e, 20000) && !strcmp(out(e), "100000\n"), "%s",
	       out(e));
	EXPECT(d, y->received[0] == WIRE_WINDOW, "%zu", (size_t)y->received[0]);
	client_credit(&d->client, y, 0, 1000);
	e = exec(d, "flow", "other", exec_process("true"), &err);
	client_wait_exit(&d->client, e, 20000);
	EXPECT(d, y->received[0] == WIRE_WINDOW + 1000, "%zu", (size_t)y->received[0]);
	/* Its reader takes nothing: the rest is dropped after a while. */
	kill_process(d, "flow", "yes", SIGKILL, false, &err);
	EXPECT(d, client_wait_exit(&d->client, y, 20000), "the rest is waited for");
	/* A reader that has gone: SIGPIPE. */
	y = exec(d, "flow", "yes", exec_process("exec yes"), &err);
	y->keep = false;
	wire_send(d->client.conn, WIRE_CLOSE, y->stream + 1, NULL, 0);
	EXPECT(d, client_wait_exit(&d->client, y, 5000) && (y->signal == SIGPIPE || y->code == 1),
	       "%d %d", y->code, y->signal);
	/* What was written is read after the end, as slowly as the reader likes. */
	d->exec_hold = true;
	y = exec(d, "flow", "slow", exec_process("head -c 1100000 /dev/zero"), &err);
	d->exec_hold = false;
	e = exec(d, "flow", "other", exec_process("sleep 1.5"), &err);
	client_wait_exit(&d->client, e, 20000);
	EXPECT(d, !y->exited && y->received[0] == WIRE_WINDOW, "%zu", (size_t)y->received[0]);
	client_credit(&d->client, y, 0, WIRE_WINDOW);
	EXPECT(d, client_wait_exit(&d->client, y, 5000) && y->received[0] == 1100000, "%zu",
	       (size_t)y->received[0]);
	EXPECT(d, call_id(d, "container.delete", "flow", &err) == 0, "%s", err.msg);
	EXPECT(d, p->exited && p->signal == SIGKILL, "%d %d", p->code, p->signal);
}

void check_pause(struct drive *d)
{
	struct err err;
	struct guest_process *p, *e;
	json_t *result = NULL;
	size_t len;

	if (!d->cgroups) {
		d->skipped = true;
		return;
	}
	p = start_new(d, "p", config("(while :; do echo x; sleep 0.05; done) & sleep 1000"), &err);
	client_wait_output(&d->client, p, "x", 5000);
	EXPECT(d,
	       client_call(&d->client, "container.processes", json_pack("{s:s}", "id", "p"),
			   &result, &err) == 0 &&
		       json_array_size(json_object_get(result, "pids")) >= 2,
	       "%s", err.msg);
	json_decref(result);
	EXPECT(d,
	       call_id(d, "container.resume", "p", &err) < 0 &&
		       !strcmp(err.msg, "container not paused"),
	       "%s", err.msg);
	EXPECT(d, call_id(d, "container.pause", "p", &err) == 0, "%s", err.msg);
	EXPECT(d,
	       !exec(d, "p", "e", exec_process("true"), &err) &&
		       !strcmp(err.msg,
			       "cannot exec in a paused container (use --ignore-paused to override)"),
	       "%s", err.msg);
	usleep(100000);
	call_id(d, "container.processes", "p", &err);
	len = p->out[0].len;
	usleep(300000);
	call_id(d, "container.processes", "p", &err);
	EXPECT(d, p->out[0].len == len, "runs although paused");
	EXPECT(d, call_id(d, "container.resume", "p", &err) == 0, "%s", err.msg);
	e = exec(d, "p", "e", exec_process("sleep 0.3"), &err);
	client_wait_exit(&d->client, e, 5000);
	EXPECT(d, p->out[0].len > len, "still paused");
	EXPECT(d, call_id(d, "container.pause", "p", &err) == 0, "%s", err.msg);
	EXPECT(d,
	       kill_process(d, "p", "", SIGKILL, true, &err) == 0 &&
		       client_wait_exit(&d->client, p, 5000) && p->signal == SIGKILL,
	       "%s", err.msg);
	EXPECT(d,
	       call_id(d, "container.pause", "p", &err) < 0 &&
		       !strcmp(err.msg, "container not running"),
	       "%s", err.msg);
	EXPECT(d, call_id(d, "container.delete", "p", &err) == 0, "%s", err.msg);
	/* Groups of its own, and all of it gone in the end. */
	json_t *c = config(
		"mkdir -p /sys/fs/cgroup/a/b && (sh -c 'echo $$ >/sys/fs/cgroup/a/b/cgroup.procs; exec sleep 1000' &); sleep 0.5; cat /sys/fs/cgroup/a/b/cgroup.procs | wc -l; exec sleep 1000");
	json_array_remove(
		json_object_get(json_array_get(json_object_get(c, "mounts"), 6), "options"), 4);
	p = start_new(d, "p", c, &err);
	client_wait_output(&d->client, p, "1\n", 5000);
	EXPECT(d, has(p, "1\n"), "%s %s", out(p), errs(p));
	EXPECT(d, call_id(d, "container.delete", "p", &err) == 0, "%s", err.msg);
}

void check_many(struct drive *d)
{
	struct err err;
	const int n = 3000;
	char script[128];
	struct guest_process *p, *e[20];

	snprintf(script, sizeof(script),
		 "i=0; while [ $i -lt %d ]; do (true & true &) ; i=$((i+1)); done; echo end", n);
	p = run_script(d, script);
	EXPECT(d, has(p, "end"), "%s", out(p));
	p = start_new(d, "many", config("sleep 1000"), &err);
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "e%d", i);
		e[i] = exec(d, "many", name, exec_process("cat; seq 1 2000"), &err);
		EXPECT(d, e[i], "%s", err.msg);
	}
	for (int i = 0; i < 20; i++)
		client_eof(&d->client, e[i]);
	for (int i = 0; i < 20; i++)
		EXPECT(d, client_wait_exit(&d->client, e[i], 30000) && e[i]->out[0].len == 8893,
		       "%zu", e[i]->out[0].len);
	call_id(d, "container.delete", "many", &err);
	EXPECT(d, client_call(&d->client, "no.such", NULL, NULL, &err) == -ENOSYS, "%s", err.msg);
	EXPECT(d, call_id(d, "container.start", "../x", &err) == -EINVAL, "%s", err.msg);
}
