/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/agent_steps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

void expect(struct drive *d, bool ok, const char *cond, int line, const char *fmt, ...)
{
	va_list ap;

	d->checks++;
	if (ok)
		return;
	d->failures++;
	printf("not ok %s:%d: %s: ", d->current, line, cond);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
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

json_t *config(const char *script)
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

json_t *process_of(json_t *c)
{
	return json_object_get(c, "process");
}

json_t *linux_of(json_t *c)
{
	return json_object_get(c, "linux");
}

json_t *exec_process(const char *script)
{
	_json_ json_t *c = config(script);

	return json_incref(process_of(c));
}

/* ---- containers ---- */

struct guest_process *create_root(struct drive *d, const char *id, json_t *c, const char *root,
				  json_t *mounts, struct err *err)
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

struct guest_process *create(struct drive *d, const char *id, json_t *c, struct err *err)
{
	return create_root(d, id, c, "root", NULL, err);
}

int call_id(struct drive *d, const char *method, const char *id, struct err *err)
{
	return client_call(&d->client, method, json_pack("{s:s}", "id", id), NULL, err);
}

struct guest_process *start_new(struct drive *d, const char *id, json_t *c, struct err *err)
{
	struct guest_process *p = create(d, id, c, err);

	if (!p || call_id(d, "container.start", id, err) < 0) {
		EXPECT(d, false, "%s: %s", id, err->msg);
		return NULL;
	}
	return p;
}

struct guest_process *exec(struct drive *d, const char *id, const char *name, json_t *process,
			   struct err *err)
{
	struct guest_process *p = client_process(&d->client, id, name);
	int r;

	p->hold = d->exec_hold;
	p->keep = !d->exec_hold;
	r = client_call(&d->client, "process.exec",
			json_pack("{s:s, s:s, s:i, s:o}", "id", id, "exec", name, "stream",
				  (int)p->stream, "process", process),
			NULL, err);

	p->exited |= r < 0;
	return r < 0 ? NULL : p;
}

int kill_process(struct drive *d, const char *id, const char *name, int sig, bool all,
		 struct err *err)
{
	return client_call(&d->client, "process.kill",
			   json_pack("{s:s, s:s, s:i, s:b}", "id", id, "exec", name, "signal", sig,
				     "all", all),
			   NULL, err);
}

const char *out(struct guest_process *p)
{
	return p && p->out[0].data ? p->out[0].data : "";
}

const char *errs(struct guest_process *p)
{
	return p && p->out[1].data ? p->out[1].data : "";
}

/* Runs a container to its end. */
struct guest_process *run_config(struct drive *d, json_t *c)
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

struct guest_process *run_script(struct drive *d, const char *script)
{
	return run_config(d, config(script));
}

bool has(struct guest_process *p, const char *text)
{
	return strstr(out(p), text);
}

json_t *terminal(json_t *process)
{
	json_object_set_new(process, "terminal", json_true());
	json_object_set_new(process, "consoleSize",
			    json_pack("{s:i,s:i}", "height", 24, "width", 81));
	return process;
}

json_t *with_args(const char *arg)
{
	json_t *c = config("");

	json_object_set_new(process_of(c), "args", json_pack("[s]", arg));
	return c;
}
