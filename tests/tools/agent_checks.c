/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/agent_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

#define EXPECT(d, cond, ...) expect(d, cond, #cond, __LINE__, __VA_ARGS__)

static const char *current;

static void expect(struct drive *d, bool ok, const char *cond, int line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
static void expect(struct drive *d, bool ok, const char *cond, int line, const char *fmt, ...)
{
	va_list ap;

	d->checks++;
	if (ok)
		return;
	d->failures++;
	printf("not ok %s:%d: %s: ", current, line, cond);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- configurations ---- */

static const char base[] =
	"{'ociVersion':'1.0.2','process':{'terminal':false,'user':{'uid':0,'gid':0},'args':['true'],"
	"'env':['PATH=/bin:/sbin','X=first','X=last'],'cwd':'/','noNewPrivileges':true,"
	"'capabilities':{'bounding':['CAP_KILL','CAP_CHOWN'],'effective':['CAP_KILL','CAP_CHOWN'],'permitted':['CAP_KILL','CAP_CHOWN']},"
	"'rlimits':[{'type':'RLIMIT_NOFILE','hard':512,'soft':256}]},"
	"'root':{'path':'rootfs'},'hostname':'boxy',"
	"'mounts':[{'destination':'/proc','type':'proc','source':'proc'},"
	"{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['nosuid','strictatime','mode=755','size=65536k']},"
	"{'destination':'/dev/pts','type':'devpts','source':'devpts','options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620','gid=5']},"
	"{'destination':'/dev/shm','type':'tmpfs','source':'shm','options':['nosuid','noexec','nodev','mode=1777','size=1m']},"
	"{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue','options':['nosuid','noexec','nodev']},"
	"{'destination':'/sys','type':'sysfs','source':'sysfs','options':['nosuid','noexec','nodev','ro']},"
	"{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup','options':['nosuid','noexec','nodev','relatime','ro']}],"
	"'linux':{'namespaces':[{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'mount'},{'type':'cgroup'},{'type':'network'}],"
	"'maskedPaths':['/proc/kcore','/proc/acpi','/proc/scsi','/sys/firmware','/etc/secret'],"
	"'readonlyPaths':['/proc/sys','/proc/bus']}}";

static json_t *config(const char *script)
{
	char text[sizeof(base)];
	struct err err;
	json_t *c;

	for (size_t i = 0; i < sizeof(base); i++)
		text[i] = base[i] == '\'' ? '"' : base[i];
	if (js_parse(text, strlen(text), NULL, &c, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	json_object_set_new(json_object_get(c, "process"), "args",
			    json_pack("[s,s,s]", "sh", "-c", script));
	return c;
}

static json_t *process_of(json_t *c)
{
	return json_object_get(c, "process");
}

static json_t *linux_of(json_t *c)
{
	return json_object_get(c, "linux");
}

static json_t *exec_process(const char *script)
{
	_json_ json_t *c = config(script);

	return json_incref(process_of(c));
}

/* ---- containers ---- */

static struct guest_process *create_root(struct drive *d, const char *id, json_t *c,
					 const char *root, json_t *mounts, struct err *err)
{
	struct guest_process *p = client_process(&d->client, id, "");
	int r = client_call(&d->client, "container.create",
			    json_pack("{s:s, s:i, s:o, s:s, s:o}", "id", id, "stream",
				      (int)p->stream, "config", c, "root", root, "mounts",
				      mounts ? mounts : json_array()),
			    NULL, err);

	p->exited |= r < 0; /* it never was */
	return r < 0 ? NULL : p;
}

static struct guest_process *create(struct drive *d, const char *id, json_t *c, struct err *err)
{
	return create_root(d, id, c, "root", NULL, err);
}

static int call_id(struct drive *d, const char *method, const char *id, struct err *err)
{
	return client_call(&d->client, method, json_pack("{s:s}", "id", id), NULL, err);
}

static struct guest_process *start_new(struct drive *d, const char *id, json_t *c, struct err *err)
{
	struct guest_process *p = create(d, id, c, err);

	if (!p || call_id(d, "container.start", id, err) < 0) {
		EXPECT(d, false, "%s: %s", id, err->msg);
		return NULL;
	}
	return p;
}

static bool exec_hold; /* of the next exec: give no credit */

static struct guest_process *exec(struct drive *d, const char *id, const char *name,
				  json_t *process, struct err *err)
{
	struct guest_process *p = client_process(&d->client, id, name);
	int r;

	p->hold = exec_hold;
	p->keep = !exec_hold;
	r = client_call(&d->client, "process.exec",
			json_pack("{s:s, s:s, s:i, s:o}", "id", id, "exec", name, "stream",
				  (int)p->stream, "process", process),
			NULL, err);

	p->exited |= r < 0;
	return r < 0 ? NULL : p;
}

static int kill_process(struct drive *d, const char *id, const char *name, int sig, bool all,
			struct err *err)
{
	return client_call(&d->client, "process.kill",
			   json_pack("{s:s, s:s, s:i, s:b}", "id", id, "exec", name, "signal", sig,
				     "all", all),
			   NULL, err);
}

static const char *out(struct guest_process *p)
{
	return p && p->out[0].data ? p->out[0].data : "";
}

static const char *errs(struct guest_process *p)
{
	return p && p->out[1].data ? p->out[1].data : "";
}

/* Runs a container to its end. */
static struct guest_process *run_config(struct drive *d, json_t *c)
{
	bool is_tty = js_get_bool(process_of(c), "terminal", false);
	static int n;
	char id[32];
	struct err err;
	struct guest_process *p;

	snprintf(id, sizeof(id), "run%d", n++);
	p = start_new(d, id, c, &err);
	if (!p)
		return NULL;
	client_eof(&d->client, p);
	EXPECT(d, client_wait_exit(&d->client, p, 30000), "%s does not exit; out: %s err: %s", id,
	       out(p), errs(p));
	EXPECT(d, p->eof[0] && (p->eof[1] || is_tty) && !p->late, "EOF before exit");
	EXPECT(d, call_id(d, "container.delete", id, &err) == 0, "delete: %s", err.msg);
	return p;
}

static struct guest_process *run_script(struct drive *d, const char *script)
{
	return run_config(d, config(script));
}

static bool has(struct guest_process *p, const char *text)
{
	return strstr(out(p), text);
}

/* ---- checks ---- */

static void check_run(struct drive *d)
{
	struct guest_process *p = run_script(d, "echo to out; echo to err >&2; exit 7");

	EXPECT(d, p && p->code == 7 && p->signal == -1, "code %d", p ? p->code : -1);
	EXPECT(d, !strcmp(out(p), "to out\n"), "'%s'", out(p));
	EXPECT(d, !strcmp(errs(p), "to err\n"), "'%s'", errs(p));
	p = run_script(d, "kill -9 $$; sleep 0.1");
	EXPECT(d, p && p->code == 0, "a pid namespace's init cannot kill itself: %d/%d", p->code,
	       p->signal);
}

static void check_environment(struct drive *d)
{
	struct guest_process *p = run_script(
		d,
		"echo pid=$$ x=$X home=$HOME term=$TERM cwd=$(pwd) host=$(hostname) umask=$(umask) nofile=$(ulimit -n)/$(ulimit -Hn);"
		"grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; cat /proc/self/oom_score_adj; id; ls -l /proc/self/fd;"
		"ls -ld /dev/*; cat /proc/self/mountinfo; cat /proc/self/cgroup; ps; env");

	EXPECT(d, has(p, "pid=1 x=last home=/root term= cwd=/ host=boxy umask=0022 nofile=256/512"),
	       "%s", out(p));
	EXPECT(d,
	       has(p, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000021\n"
		      "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"),
	       "%s", out(p));
	EXPECT(d,
	       (!d->vm || has(p, "/dev/core -> /proc/kcore")) && has(p, "/dev/fd -> /proc/self/fd") &&
		       has(p, "/dev/ptmx -> pts/ptmx") && has(p, "/dev/stdin -> /proc/self/fd/0"),
	       "%s", out(p));
	EXPECT(d, has(p, "1,   3"), "/dev/null: %s", out(p));
	EXPECT(d, !has(p, "console") && !has(p, "vport"), "%s", out(p));
	EXPECT(d, !has(p, "3 -> pipe") && !has(p, "3 -> socket") && !has(p, "4 ->"), "leak: %s",
	       out(p));
	if (d->cgroups)
		EXPECT(d, has(p, "0::/\n"), "%s", out(p));
	if (d->client.verbose)
		printf("%s", out(p));
}

static void check_stdin(struct drive *d)
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

static void expect_error(struct drive *d, json_t *c, const char *want)
{
	struct err err = { 0 };
	struct guest_process *p = create(d, "bad", c, &err);

	EXPECT(d, !p && !strcmp(err.msg, want), "'%s'", err.msg);
	EXPECT(d, call_id(d, "container.delete", "bad", &err) == -ENOENT, "%s", err.msg);
}

static json_t *with_args(const char *arg)
{
	json_t *c = config("");

	json_object_set_new(process_of(c), "args", json_pack("[s]", arg));
	return c;
}

static json_t *with_mount(json_t *mount)
{
	json_t *c = config("true");

	json_array_append_new(json_object_get(c, "mounts"), mount);
	return c;
}

static void check_create_errors(struct drive *d)
{
	json_t *c;

	expect_error(
		d, with_args("nonexistent"),
		"unable to start container process: exec: \"nonexistent\": executable file not found in $PATH");
	expect_error(
		d, with_args("/nonexistent"),
		"unable to start container process: exec: \"/nonexistent\": stat /nonexistent: no such file or directory");
	expect_error(d, with_args("/etc/passwd"),
		     "unable to start container process: exec: \"/etc/passwd\": permission denied");
	expect_error(d, with_args("/etc"),
		     "unable to start container process: exec: \"/etc\": permission denied");
	expect_error(
		d, with_args("/etc/passwd/x"),
		"unable to start container process: exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory");
	expect_error(
		d,
		with_mount(json_pack("{s:s,s:s,s:s,s:[s]}", "destination", "/mnt", "source",
				     "/nonexistent", "type", "bind", "options", "rbind")),
		"unable to start container process: error during container init: error mounting \"/nonexistent\" to rootfs at \"/mnt\": stat /nonexistent: no such file or directory");
	expect_error(
		d,
		with_mount(json_pack("{s:s,s:s,s:s}", "destination", "/mnt", "source", "x", "type",
				     "nofs")),
		"unable to start container process: error during container init: error mounting \"x\" to rootfs at \"/mnt\": mount x:/mnt: no such device");
	expect_error(
		d,
		with_mount(json_pack("{s:s,s:s,s:s}", "destination", "/proc/self/attr", "source",
				     "x", "type", "tmpfs")),
		"unable to start container process: error during container init: error mounting \"x\" to rootfs at \"/proc/self/attr\": \"/proc/self/attr\" cannot be mounted because it is inside /proc");
	c = config("true");
	json_object_set_new(process_of(c), "cwd", json_string("/etc/passwd"));
	expect_error(
		d, c,
		"unable to start container process: error during container init: mkdir /etc/passwd: not a directory");
	c = config("true");
	json_array_append_new(json_object_get(process_of(c), "env"), json_string("NOEQUALS"));
	struct err err = { 0 };
	EXPECT(d, !create(d, "bad", c, &err), "%s", err.msg);
}

static void check_exec(struct drive *d)
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
	double t = now();
	p = exec(d, "host", "e4", exec_process("sleep 30 & echo hi"), &err);
	EXPECT(d,
	       client_wait_exit(&d->client, p, 20000) && p->code == 0 && has(p, "hi") &&
		       now() - t < 5,
	       "%s %d %d %.1f", out(p), p->code, p->signal, now() - t);
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

static void check_created(struct drive *d)
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

static json_t *terminal(json_t *process)
{
	json_object_set_new(process, "terminal", json_true());
	json_object_set_new(process, "consoleSize",
			    json_pack("{s:i,s:i}", "height", 24, "width", 81));
	return process;
}

static void check_tty(struct drive *d)
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

static void check_flow(struct drive *d)
{
	struct err err;
	struct guest_process *p = start_new(d, "flow", config("sleep 1000"), &err), *y, *e;
	double t;

	if (!p)
		return;
	exec_hold = true;
	y = exec(d, "flow", "yes", exec_process("yes"), &err);
	exec_hold = false;
	e = exec(d, "flow", "other", exec_process("sleep 0.5; seq 1 100000 | tail -n 1"), &err);
	EXPECT(d, client_wait_exit(&d->client, e, 20000) && !strcmp(out(e), "100000\n"), "%s",
	       out(e));
	EXPECT(d, y->received[0] == WIRE_WINDOW, "%zu", (size_t)y->received[0]);
	client_credit(&d->client, y, 0, 1000);
	e = exec(d, "flow", "other", exec_process("true"), &err);
	client_wait_exit(&d->client, e, 20000);
	EXPECT(d, y->received[0] == WIRE_WINDOW + 1000, "%zu", (size_t)y->received[0]);
	t = now();
	kill_process(d, "flow", "yes", SIGKILL, false, &err);
	EXPECT(d, client_wait_exit(&d->client, y, 5000) && now() - t > 0.9 && now() - t < 3,
	       "%.2f s", now() - t);
	/* A reader that has gone: SIGPIPE. */
	y = exec(d, "flow", "yes", exec_process("exec yes"), &err);
	y->keep = false;
	wire_send(d->client.conn, WIRE_CLOSE, y->stream + 1, NULL, 0);
	EXPECT(d, client_wait_exit(&d->client, y, 5000) && (y->signal == SIGPIPE || y->code == 1),
	       "%d %d", y->code, y->signal);
	/* What was written is read after the end, as slowly as the reader likes. */
	exec_hold = true;
	y = exec(d, "flow", "slow", exec_process("head -c 300000 /dev/zero"), &err);
	exec_hold = false;
	e = exec(d, "flow", "other", exec_process("sleep 1.5"), &err);
	client_wait_exit(&d->client, e, 20000);
	EXPECT(d, !y->exited && y->received[0] == WIRE_WINDOW, "%zu", (size_t)y->received[0]);
	client_credit(&d->client, y, 0, WIRE_WINDOW);
	EXPECT(d, client_wait_exit(&d->client, y, 5000) && y->received[0] == 300000, "%zu",
	       (size_t)y->received[0]);
	t = now();
	EXPECT(d, call_id(d, "container.delete", "flow", &err) == 0 && now() - t < 2, "%s", err.msg);
	EXPECT(d, p->exited && p->signal == SIGKILL, "%d %d", p->code, p->signal);
}

static void check_pause(struct drive *d)
{
	struct err err;
	struct guest_process *p, *e;
	json_t *result = NULL;
	size_t len;

	if (!d->cgroups)
		return;
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

static void check_paths(struct drive *d)
{
	json_t *c = config(
		"cat /etc/secret; echo x >/etc/secret; ls /proc/scsi; ls /sys/firmware; echo y >/proc/sys/kernel/hostname;"
		"cat /proc/sys/kernel/domainname; cat /proc/sys/kernel/msgmax; cat /b/file; cat /f; echo z >/b/new; echo z >/f; touch /ro; ls -ld /tm; cat /tm/copied");
	json_t *mounts = json_object_get(c, "mounts");
	struct guest_process *p;
	struct err err;

	(void)!system(NULL);
	char cmd[512];
	snprintf(cmd, sizeof(cmd),
		 "cd %s; mkdir -p m7 root/tm; echo in dir >m7/file; echo in file >m8; echo copied >root/tm/copied; chmod 710 root/tm",
		 d->share);
	(void)!system(cmd);
	json_object_set_new(c, "domainname", json_string("example.org"));
	json_object_set_new(json_object_get(c, "root"), "readonly", json_true());
	json_object_set_new(linux_of(c), "sysctl", json_pack("{s:s}", "kernel.msgmax", "9000"));
	json_array_append_new(mounts,
			      json_pack("{s:s,s:s,s:s,s:[s,s]}", "destination", "/b", "source",
					"/host/dir", "type", "bind", "options", "rbind", "ro"));
	json_array_append_new(mounts, json_pack("{s:s,s:s,s:s,s:[s]}", "destination", "/f", "source",
						"/host/file", "type", "none", "options", "bind"));
	json_array_append_new(mounts,
			      json_pack("{s:s,s:s,s:s,s:[s]}", "destination", "/tm", "source",
					"tmpfs", "type", "tmpfs", "options", "tmpcopyup"));
	p = create_root(d, "paths", c, "root",
			json_pack("[{s:i,s:s},{s:i,s:s}]", "index", 7, "source", "m7", "index", 8,
				  "source", "m8"),
			&err);
	EXPECT(d, p, "%s", err.msg);
	if (!p)
		return;
	call_id(d, "container.start", "paths", &err);
	client_eof(&d->client, p);
	client_wait_exit(&d->client, p, 10000);
	EXPECT(d, !strncmp(out(p), "example.org\n9000\nin dir\nin file\ndrwx--x---", 42), "%s",
	       out(p));
	EXPECT(d, has(p, "copied\n"), "%s", out(p));
	EXPECT(d,
	       strstr(errs(p), "/proc/sys/kernel/hostname: Read-only file system") &&
		       strstr(errs(p), "/b/new: Read-only file system") &&
		       strstr(errs(p), "/ro: Read-only file system") && !strstr(errs(p), "/f:"),
	       "%s", errs(p));
	call_id(d, "container.delete", "paths", &err);
}

static void check_devices(struct drive *d)
{
	json_t *c = config(
		"mknod /tmp/k c 10 229; (: </tmp/k); mknod /tmp/n c 1 3; echo x >/tmp/n && echo null; "
		"mknod /tmp/m b 7 0; cat /tmp/m; rm /tmp/k /tmp/n /tmp/m; head -c 3 /dev/zero | wc -c");
	json_t *caps = json_object_get(process_of(c), "capabilities");
	struct guest_process *p;

	if (!d->cgroups)
		return;
	for (const char *const *set =
		     (const char *const[]){ "bounding", "effective", "permitted", NULL };
	     *set; set++)
		json_array_append_new(json_object_get(caps, *set), json_string("CAP_MKNOD"));
	json_t *allowed = json_deep_copy(c);
	p = run_config(d, c);
	EXPECT(d,
	       strstr(errs(p), "can't open /tmp/k: Operation not permitted") &&
		       strstr(errs(p), "can't open '/tmp/m': Operation not permitted"),
	       "%s", errs(p));
	EXPECT(d, !strcmp(out(p), "null\n3\n"), "%s", out(p));
	json_object_set_new(linux_of(allowed), "resources",
			    json_pack("{s:[{s:b,s:s},{s:b,s:s,s:i,s:i,s:s}]}", "devices", "allow",
				      0, "access", "rwm", "allow", 1, "type", "c", "major", 10,
				      "minor", 229, "access", "r"));
	json_object_set_new(
		process_of(allowed), "args",
		json_pack("[s,s,s]", "sh", "-c",
			  "mknod /tmp/k c 10 229; : </tmp/k; echo read; (echo x >/tmp/k); rm /tmp/k"));
	p = run_config(d, allowed);
	EXPECT(d, !strcmp(out(p), "read\n") && strstr(errs(p), "/tmp/k: Operation not permitted"),
	       "%s%s", out(p), errs(p));
}

static void hostile(struct drive *d, const char *setup, json_t *c, const char *want)
{
	struct err err = { 0 };
	struct guest_process *p;
	char cmd[1024], root[16];
	static int n;

	/* A new name each time: a guest remembers for a second what was behind an old one. */
	snprintf(root, sizeof(root), "evil%d", n++);
	snprintf(cmd, sizeof(cmd),
		 "cd %s && rm -rf evil* canary && cp -al root %s && mkdir canary && cd %s && { %s; }",
		 d->share, root, root, setup);
	EXPECT(d, system(cmd) == 0, "%s", setup);
	p = create_root(d, "evil", c, root, NULL, &err);
	if (want)
		EXPECT(d, !p && strstr(err.msg, want), "%s: '%s'", setup, p ? "created" : err.msg);
	else
		EXPECT(d, p, "%s: '%s'", setup, err.msg);
	if (p) {
		call_id(d, "container.start", "evil", &err);
		client_wait_exit(&d->client, p, 10000);
		EXPECT(d, p->code == 0, "%s: %d %s%s", setup, p->code, out(p), errs(p));
		call_id(d, "container.delete", "evil", &err);
	}
	snprintf(cmd, sizeof(cmd),
		 "[ -z \"$(ls -A %s/canary)\" ] && [ \"$(cat %s/root/etc/secret)\" = secret ]",
		 d->share, d->share);
	EXPECT(d, system(cmd) == 0, "%s: the canary was touched", setup);
}

static void check_hostile(struct drive *d)
{
	json_t *c;

	hostile(d, "rmdir proc; ln -s ../canary proc", config("true"),
		"filesystem \"proc\" must be mounted on ordinary directory");
	hostile(d, "rmdir proc; ln -s tmp proc", config("true"),
		"filesystem \"proc\" must be mounted on ordinary directory");
	hostile(d, "rmdir sys; ln -s /tmp sys", config("true"),
		"filesystem \"sysfs\" must be mounted on ordinary directory");
	hostile(d, "rmdir dev; ln -s ../../canary dev", config("[ -c /dev/null ]"), NULL);
	hostile(d, "rmdir dev; ln -s /proc dev", config("true"), "inside /proc");
	hostile(d, "rmdir dev; ln -s dev dev", config("true"), "too many levels of symbolic links");
	hostile(d, "rm etc/passwd; mkfifo etc/passwd", config("[ $HOME = / ]"), NULL);
	hostile(d, "rm etc/passwd; ln -s /proc/self/mem etc/passwd", config("[ $HOME = / ]"), NULL);
	hostile(d, "rm etc/secret; ln -s ../../canary etc/secret", config("true"), NULL);
	hostile(d, "rm etc/secret; ln -s /proc/self/fd/0 etc/secret", config("true"),
		"can't mask path");
	c = config("true");
	json_array_remove(json_object_get(c, "mounts"), 1); /* no tmpfs at /dev: the root's own */
	hostile(d, "touch dev/null; mkdir -p dev/pts dev/shm dev/mqueue", json_incref(c), NULL);
	terminal(process_of(c));
	hostile(d, "mkdir -p dev/pts dev/shm dev/mqueue; ln -s ../../canary/x dev/console", c,
		"/dev/console");
	c = config("true");
	terminal(process_of(c));
	json_array_remove(json_object_get(c, "mounts"), 2); /* no devpts */
	hostile(d, "true", c, "open /dev/pts: no such file");
}

static void check_many(struct drive *d)
{
	struct err err;
	int n = d->vm ? 300 : 3000;
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

static void measure(struct drive *d)
{
	struct err err;
	struct guest_process *p;
	double t = now();
	_free_ char *data = calloc(1, 1 << 20);
	const int mib = 256;

	p = start_new(d, "bench", config("sleep 1000"), &err);
	printf("bench: create and start %.1f ms\n", (now() - t) * 1e3);
	p = exec(d, "bench", "t",
		 exec_process(
			 "for i in 1 2 3 4 5; do time sh -c true; done; time /bin/true; time /bin/true"),
		 &err);
	client_wait_exit(&d->client, p, 10000);
	if (d->client.verbose)
		printf("in the guest: %s\n", errs(p));
	for (int i = 0; i < 3; i++) {
		t = now();
		p = exec(d, "bench", "x", exec_process("true"), &err);
		printf("bench: exec %.1f", (now() - t) * 1e3);
		client_wait_exit(&d->client, p, 10000);
		printf(" + exit %.1f ms\n", (now() - t) * 1e3);
	}
	json_t *process = exec_process("");
	json_object_set_new(process, "args",
			    json_pack("[s,s,s,s]", "dd", "if=/dev/zero", "bs=65536", "count=4096"));
	t = now();
	p = exec(d, "bench", "out", process, &err);
	p->keep = false;
	client_wait_exit(&d->client, p, 60000);
	printf("bench: stdout %.0f MiB/s\n", mib / (now() - t));
	process = exec_process("cat >/dev/null");
	t = now();
	p = exec(d, "bench", "in", process, &err);
	for (int i = 0; i < mib; i++)
		client_write(&d->client, p, data, 1 << 20);
	client_eof(&d->client, p);
	client_wait_exit(&d->client, p, 60000);
	printf("bench: stdin %.0f MiB/s\n", mib / (now() - t));
	call_id(d, "container.delete", "bench", &err);
}

/* A container in the guest's own pid namespace, which may look at the agent. */
static struct guest_process *look_at_agent(struct drive *d, const char *script)
{
	json_t *c = config(script), *caps = json_object_get(process_of(c), "capabilities");

	/* A path stands for the one of the guest. */
	json_object_set_new(json_array_get(json_object_get(linux_of(c), "namespaces"), 0), "path",
			    json_string("/proc/1/ns/pid"));
	for (const char *const *set =
		     (const char *const[]){ "bounding", "effective", "permitted", NULL };
	     *set; set++)
		json_array_append_new(json_object_get(caps, *set), json_string("CAP_SYS_PTRACE"));
	return run_config(d, c);
}

/* Descriptors of the agent and processes in its namespace: the same before and after everything else. */
static void check_leaks(struct drive *d)
{
	static char before[64];
	char script[256];
	struct guest_process *p;

	/* At rest: stdin has ended, what the start took is closed. Threads of the kernel have no command line. */
	snprintf(script, sizeof(script),
		 "cat; sleep 0.3; set -- /proc/%d/fd/*; echo $#; n=0; for i in /proc/[0-9]*/cmdline; do "
		 "x=; read -r x <$i; [ \"$x\" ] && n=$((n+1)); done; echo $n",
		 d->vm ? 1 : 2);
	p = look_at_agent(d, script);
	if (!before[0])
		snprintf(before, sizeof(before), "%.60s", out(p));
	EXPECT(d, p && strlen(out(p)) > 3 && !strcmp(out(p), before), "%s instead of %s", out(p),
	       before);
}

static void check_footprint(struct drive *d)
{
	struct guest_process *p = look_at_agent(
		d,
		"grep -E '^(Name|VmRSS|RssAnon|RssFile|VmData)' /proc/1/status; ls -l /proc/1/fd /proc/1/exe;"
		"grep -E 'MemTotal|MemAvail|MemFree|Slab|Shmem:' /proc/meminfo; cat /proc/1/oom_score_adj;"
		"cat /proc/1/smaps; cat /proc/modules; mount");

	printf("%s%s", out(p), errs(p));
}

static const struct {
	const char *name;
	void (*fn)(struct drive *d);
} checks[] = {
	{ "run", check_run },         { "environment", check_environment },
	{ "stdin", check_stdin },     { "errors", check_create_errors },
	{ "exec", check_exec },       { "created", check_created },
	{ "tty", check_tty },         { "flow", check_flow },
	{ "pause", check_pause },     { "paths", check_paths },
	{ "devices", check_devices }, { "hostile", check_hostile },
	{ "many", check_many },
};

void checks_run(struct drive *d)
{
	struct err err = { 0 };
	double t = now();
	int r;

	current = "hello";
	r = client_hello(&d->client, &err);
	EXPECT(d, r == 0, "%s", err.msg);
	if (r < 0)
		return;
	printf("hello after %.3f s\n", now() - t);
	r = client_call(&d->client, "sandbox.setup",
			json_pack("{s:s, s:I, s:s, s:s}", "hostname", "guest", "time_ns",
				  (json_int_t)time(NULL) * 1000000000, "entropy",
				  "00112233445566778899aabbccddeeff", "share", d->vm ? "moat" : ""),
			NULL, &err);
	EXPECT(d, r == 0, "%s", err.msg);
	printf("set up after %.3f s\n", now() - t);
	current = "leaks";
	check_leaks(d);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int before = d->failures;

		if (d->only && !strstr(checks[i].name, d->only))
			continue;
		current = checks[i].name;
		t = now();
		checks[i].fn(d);
		if (d->failures == before)
			printf("ok %s (%.2f s)\n", current, now() - t);
		if (d->client.closed) {
			EXPECT(d, false, "the agent has gone: %s", d->client.closed_msg);
			return;
		}
		fflush(stdout);
	}
	current = "bench";
	if (d->bench)
		measure(d);
	current = "leaks";
	check_leaks(d);
	if (d->vm && d->client.verbose)
		check_footprint(d);
	current = "shutdown";
	EXPECT(d, client_call(&d->client, "sandbox.shutdown", NULL, NULL, &err) == 0, "%s", err.msg);
}
