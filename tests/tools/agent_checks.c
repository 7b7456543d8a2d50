/* SPDX-License-Identifier: Apache-2.0 */
/* The session around the checks, and what may not grow in it. */
#include "tests/tools/agent_checks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

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
	{ "many", check_many },       { "stats", check_guest_stats },
};

static int count_fds(pid_t pid)
{
	char path[32];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* At rest the agent has the descriptors that it began with; what a reply leaves behind is closed a moment later. */
static void check_leaks(struct drive *d, int before)
{
	for (int i = 0; i < 50 && count_fds(d->agent) != before; i++)
		usleep(100000);
	EXPECT(d, before > 2 && count_fds(d->agent) == before, "%d descriptors instead of %d",
	       count_fds(d->agent), before);
}

static int begin(struct drive *d)
{
	struct err err = { 0 };
	int r;

	d->current = "hello";
	r = client_hello(&d->client, &err);
	if (r >= 0)
		r = client_call(&d->client, "sandbox.setup",
				json_pack("{s:s, s:I, s:s, s:s}", "hostname", "guest", "time_ns",
					  (json_int_t)time(NULL) * 1000000000, "entropy",
					  "00112233445566778899aabbccddeeff", "share", ""),
				NULL, &err);
	EXPECT(d, r == 0, "%s", err.msg);
	return r;
}

void checks_run(struct drive *d)
{
	struct err err = { 0 };
	int fds;

	if (begin(d) < 0)
		return;
	fds = count_fds(d->agent);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int before = d->failures;

		if (d->only && !strstr(checks[i].name, d->only))
			continue;
		d->current = checks[i].name;
		d->skipped = false;
		checks[i].fn(d);
		if (d->failures == before)
			printf("%s %s\n", d->skipped ? "skip" : "ok", d->current);
		if (d->client.closed) {
			EXPECT(d, false, "the agent has gone: %s", d->client.closed_msg);
			return;
		}
		fflush(stdout);
	}
	d->current = "leaks";
	check_leaks(d, fds);
	d->current = "shutdown";
	EXPECT(d, client_call(&d->client, "sandbox.shutdown", NULL, NULL, &err) == 0, "%s", err.msg);
}
