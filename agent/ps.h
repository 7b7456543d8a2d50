/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's /proc says about processes, for the host's `ps`: as text, which the host parses. Bounded: a
 * container decides how many processes there are and what their command lines are.
 */
#ifndef MOAT_AGENT_PS_H
#define MOAT_AGENT_PS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PS_COMMAND_MAX 4096 /* bytes of one command line */
#define PS_TOTAL_MAX ((size_t)600 << 10) /* bytes of all, as JSON */

struct ps {
	int proc_fd; /* the guest's /proc */
	json_t *list; /* array of {"uid", "stat", "command"} */
	size_t used; /* bytes of it as JSON, at most */
	unsigned int left_out; /* processes for which there was no room */
};

/* Adds a process; one that is gone is no error. 0 or -ENOMEM. data: struct ps, as cgroup_each_pid() wants it. */
int ps_add(pid_t pid, void *data);
/* {"processes", "left_out", "uptime" (clock ticks), "ticks" (a second)}; NULL without memory. ps->list stays the caller's. */
json_t *ps_result(struct ps *ps);

/* Cuts a line of /proc/PID/stat behind its 24th field; false if it is none. */
bool ps_cut_stat(char *line);
/* Arguments become words: NUL bytes between them spaces, those at the end cut. buf[len] is written to. */
void ps_join_command(char *buf, size_t len);

#endif
