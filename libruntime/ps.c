/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/ps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "wire/message.h"

#define PROCS_MAX_BYTES ((size_t)1 << 20)

/* ---- on the host ---- */

/* Stand-ins share the pid namespace of init's; monitor, QEMU and virtiofsd are in another one. */
static int pidns_of(pid_t pid, struct stat *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return stat(path, ret);
}

static int add_pid(struct rt_pids *list, pid_t pid)
{
	pid_t *v = reallocarray(list->pids, list->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	list->pids = v;
	v[list->n++] = pid;
	return 0;
}

static int add_of_cgroup(struct rt_pids *list, pid_t init, const char *dir)
{
	_free_ char *procs = path_join(dir, "cgroup.procs"), *text = NULL;
	struct stat own, other;
	char *save = NULL, *line;
	int pid, r = 0;

	if (!procs)
		return -ENOMEM;
	if (pidns_of(init, &own) < 0 ||
	    io_read_file(AT_FDCWD, procs, PROCS_MAX_BYTES, &text, NULL, NULL) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line && r >= 0; line = strtok_r(NULL, "\n", &save)) {
		if (num_int(line, 1, INT32_MAX, &pid) < 0 || pid == init ||
		    pidns_of(pid, &other) < 0)
			continue;
		if (own.st_ino == other.st_ino && own.st_dev == other.st_dev)
			r = add_pid(list, pid);
	}
	return r;
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int rt_pids(const struct rt *rt, const char *id, struct rt_pids *ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_close_ int standin = -EBADF;
	struct rt_pids list = {};
	int r;

	r = container_open(rt, id, false, &c, err);
	if (r < 0)
		return r;
	standin = status_open_process(&c.state, &c.state.standin);
	if (c.status != STATUS_STOPPED && standin >= 0) {
		r = add_pid(&list, c.state.standin.pid);
		/* Every leaf holds the same processes; the last directory of the list is a leaf. */
		if (r >= 0 && c.state.cgroups && c.state.cgroups[0])
			r = add_of_cgroup(&list, c.state.standin.pid,
					  c.state.cgroups[strv_len(c.state.cgroups) - 1]);
	}
	if (r < 0) {
		free(list.pids);
		return err_errno(err, -r, "ps");
	}
	if (list.n)
		qsort(list.pids, list.n, sizeof(*list.pids), by_number);
	*ret = list;
	return 0;
}

/* ---- in the guest ---- */

void rt_processes_done(struct moat_processes *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->v[i].command);
	free(p->v);
	*p = (struct moat_processes){};
}

/* The numbers behind the name, in the order of proc(5): field 3 is the state, which is a letter. */
#define STAT_FIRST 4
#define STAT_LAST 24

static int parse_numbers(char *text, int64_t n[STAT_LAST + 1])
{
	char *save = NULL, *word = strtok_r(text, " ", &save);
	uint64_t u;
	int i;

	for (i = STAT_FIRST; i <= STAT_LAST && word; i++, word = strtok_r(NULL, " ", &save)) {
		if (num_i64(word, INT64_MIN, INT64_MAX, &n[i]) == 0)
			continue;
		/* Unsigned there, beyond any sense. */
		if (num_u64(word, 0, UINT64_MAX, &u) < 0)
			return -EINVAL;
		n[i] = INT64_MAX;
	}
	return i > STAT_LAST && !word ? 0 : -EINVAL;
}

static int64_t not_negative(int64_t v)
{
	return v < 0 ? 0 : v;
}

/* "PID (name) S PPID ...": the name may hold anything, so it ends at the last parenthesis. */
static int parse_stat(const char *line, struct moat_process_info *p)
{
	_free_ char *copy = strdup(line);
	char *open = copy ? strchr(copy, '(') : NULL, *close = copy ? strrchr(copy, ')') : NULL;
	int64_t n[STAT_LAST + 1] = {}, used;

	if (!open || !close || close < open || open == copy || open[-1] != ' ' || close[1] != ' ' ||
	    !close[2] || close[3] != ' ')
		return -EINVAL;
	open[-1] = *close = '\0';
	if (num_int(copy, 1, INT32_MAX, &p->pid) < 0 || parse_numbers(close + 4, n) < 0)
		return -EINVAL;
	snprintf(p->name, sizeof(p->name), "%s", open + 1);
	p->state = close[2];
	p->ppid = (int)(n[4] & INT32_MAX);
	p->session = (int)(n[6] & INT32_MAX);
	p->tty = (uint32_t)n[7];
	if (__builtin_add_overflow(not_negative(n[14]), not_negative(n[15]), &used))
		used = INT64_MAX;
	p->used = (uint64_t)used;
	p->nice = (int)(n[19] % 100);
	p->threads = (int)(n[20] & INT32_MAX);
	p->start = (uint64_t)not_negative(n[22]);
	p->vsize = (uint64_t)not_negative(n[23]);
	p->rss = (uint64_t)not_negative(n[24]);
	return 0;
}

static int decode_one(const json_t *o, struct moat_process_info *p)
{
	const char *stat = js_get_str(o, "stat"), *command = js_get_str(o, "command");
	size_t size;

	if (!stat || !command || parse_stat(stat, p) < 0)
		return -EPROTO;
	p->uid = (uint32_t)js_get_int(o, "uid", 0);
	size = strlen(command) + 1;
	p->command = malloc(size);
	if (!p->command)
		return -ENOMEM;
	/* The agent has cleaned it; but that is the guest's. */
	wire_clean_text(p->command, size, command);
	wire_clean_text(p->name, sizeof(p->name), strdupa(p->name));
	return 0;
}

int ps_decode(const json_t *result, struct moat_processes *ret, struct err *err)
{
	const json_t *list = json_object_get(result, "processes");
	struct moat_processes p = {
		.left_out = (uint64_t)not_negative(js_get_int(result, "left_out", 0)),
		.uptime = (uint64_t)not_negative(js_get_int(result, "uptime", 0)),
		.ticks = (uint64_t)js_get_int(result, "ticks", 0),
	};
	size_t n = json_array_size(list);
	int r = 0;

	if (!json_is_array(list) || p.ticks < 1 || p.ticks > 1000000)
		return err_set(err, EPROTO, "the guest's list of processes is malformed");
	p.v = calloc(n ? n : 1, sizeof(*p.v));
	if (!p.v)
		return err_errno(err, ENOMEM, "ps");
	for (; p.n < n && r >= 0; p.n += r >= 0)
		r = decode_one(json_array_get(list, p.n), &p.v[p.n]);
	if (r < 0) {
		rt_processes_done(&p);
		return r == -ENOMEM ?
			       err_errno(err, ENOMEM, "ps") :
			       err_set(err, EPROTO, "the guest's list of processes is malformed");
	}
	*ret = p;
	return 0;
}

int rt_processes(const struct rt *rt, const char *id, struct moat_processes *ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_json_ json_t *result = NULL;
	int r;

	r = container_open(rt, id, false, &c, err);
	if (r < 0)
		return r;
	if (c.status == STATUS_STOPPED || c.status == STATUS_CREATING) {
		*ret = (struct moat_processes){ .ticks = 100 };
		return 0;
	}
	r = container_request(&c, "processes", json_pack("{s:b}", "details", 1), MONITOR_REQUEST_MS,
			      &result, err);
	return r < 0 ? r : ps_decode(result, ret, err);
}
