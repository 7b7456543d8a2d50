/* SPDX-License-Identifier: Apache-2.0 */
/* Containers: what they see, what is refused, root file systems that are hostile. */
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

void check_run(struct drive *d)
{
	struct guest_process *p = run_script(d, "echo to out; echo to err >&2; exit 7");

	EXPECT(d, p && p->code == 7 && p->signal == -1, "code %d", p ? p->code : -1);
	EXPECT(d, !strcmp(out(p), "to out\n"), "'%s'", out(p));
	EXPECT(d, !strcmp(errs(p), "to err\n"), "'%s'", errs(p));
	p = run_script(d, "kill -9 $$; sleep 0.1");
	EXPECT(d, p && p->code == 0, "a pid namespace's init cannot kill itself: %d/%d", p->code,
	       p->signal);
}

void check_environment(struct drive *d)
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
	       has(p, "/dev/fd -> /proc/self/fd") && has(p, "/dev/ptmx -> pts/ptmx") &&
		       has(p, "/dev/stdin -> /proc/self/fd/0"),
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

static void expect_error(struct drive *d, json_t *c, const char *want)
{
	struct err err = { 0 };
	struct guest_process *p = create(d, "bad", c, &err);

	EXPECT(d, !p && !strcmp(err.msg, want), "'%s'", err.msg);
	EXPECT(d, call_id(d, "container.delete", "bad", &err) == -ENOENT, "%s", err.msg);
}

static json_t *with_mount(json_t *mount)
{
	json_t *c = config("true");

	json_array_append_new(json_object_get(c, "mounts"), mount);
	return c;
}

void check_create_errors(struct drive *d)
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

void check_paths(struct drive *d)
{
	json_t *c = config(
		"cat /etc/secret; echo x >/etc/secret; ls /proc/scsi; ls /sys/firmware; echo y >/proc/sys/kernel/hostname;"
		"cat /proc/sys/kernel/domainname; cat /proc/sys/kernel/msgmax; cat /b/file; cat /f; echo z >/b/new; echo z >/f; touch /ro; ls -ld /tm; cat /tm/copied");
	json_t *mounts = json_object_get(c, "mounts");
	struct guest_process *p;
	struct err err;

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

void check_devices(struct drive *d)
{
	json_t *c = config(
		"mknod /tmp/k c 10 229; (: </tmp/k); mknod /tmp/n c 1 3; echo x >/tmp/n && echo null; "
		"mknod /tmp/m b 7 0; cat /tmp/m; rm /tmp/k /tmp/n /tmp/m; head -c 3 /dev/zero | wc -c");
	json_t *caps = json_object_get(process_of(c), "capabilities");
	struct guest_process *p;

	if (!d->cgroups) {
		d->skipped = true;
		return;
	}
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

void check_hostile(struct drive *d)
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

/* Of the kernel that the agent runs on, whoever that is. */
void check_guest_stats(struct drive *d)
{
	static const char *const files[] = { "meminfo", "loadavg", "uptime", "stat", "self/stat" };
	_json_ json_t *result = NULL;
	struct err err = { 0 };

	EXPECT(d, client_call(&d->client, "sandbox.stats", NULL, &result, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *text = js_get_str(json_object_get(result, "files"), files[i]);

		EXPECT(d, text && *text, "no %s", files[i]);
		if (text && strcmp(files[i], "self/stat") == 0)
			EXPECT(d, strstr(text, " (moat-agent) ") && !strchr(text, '\n'), "%s", text);
	}
	EXPECT(d,
	       js_get_int(result, "fds", 0) > 2 && js_get_int(result, "ticks", 0) > 0 &&
		       js_get_int(result, "page", 0) >= 4096,
	       "fds, ticks, page");
}
