/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command tells a stand-in to build: one set-up message
 * (wire/setup_msg.h) on descriptor 3. Every number that names a descriptor is
 * an index into the message's descriptors; -1 or absent: none.
 *
 *	{"id": "c1", "exec": "",            exec: name of the exec'd process, "" for the container's init
 *	 "terminal": true,                  descriptors 0, 1, 2 are the slave of one host pty
 *	 "hostname": "h", "domainname": "",
 *	 "root": {"fd": 0, "readonly": false},
 *	 "mounts": [{"destination": "/data", "kind": "bind", "fd": 1, "readonly": true, "file": false, "options": ""}],
 *	 "netns": -1, "ipcns": -1, "utsns": 2,     -1: a new one
 *	 "passed": [{"in": true, "out": false}],   descriptors 5, 6 and so on: for the process to read, to write
 *	 "resolver": true}                         it may have to ask a name server in its network namespace: standin/resolver.h
 *
 * and for an exec, in place of hostname, root, mounts and namespaces:
 *
 *	 "join": {"mnt": 0, "uts": 1, "ipc": 2, "net": 3}
 *
 * root.fd and the fd of a bind are detached trees (open_tree(2) with
 * OPEN_TREE_CLONE). kind: bind, proc, sysfs, tmpfs, devpts, mqueue, dev (a
 * tmpfs with the usual nodes), cgroup and skip (both: only the mount point is
 * made, "file" says which kind of it). options is the file system's data
 * string. Proc and sysfs are read-only whatever is asked.
 */
#ifndef MOAT_STANDIN_SETUP_H
#define MOAT_STANDIN_SETUP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum mount_kind {
	KIND_BIND,
	KIND_PROC,
	KIND_SYSFS,
	KIND_TMPFS,
	KIND_DEVPTS,
	KIND_MQUEUE,
	KIND_DEV,
	KIND_CGROUP,
	KIND_SKIP,
};

struct setup_mount {
	char *destination, *kind_name, *options; /* options may be NULL */
	enum mount_kind kind;
	int32_t fd;
	bool has_fd, file, readonly;
};

struct setup_passed {
	bool in, out;
};

struct setup {
	char *id, *exec, *hostname, *domainname; /* the last three may be NULL */
	bool terminal, has_root, has_join, resolver;
	struct {
		int32_t fd;
		bool readonly;
	} root;
	struct setup_mount *mounts;
	size_t n_mounts;
	struct setup_passed *passed;
	size_t n_passed;
	int32_t netns, ipcns, utsns;
	struct {
		int32_t mnt, uts, ipc, net;
	} join;
	uint32_t n_fds_sent;
	int *fds; /* owned; setup_fd() */
	size_t n_fds;
	json_t *warnings; /* array of strings for the reply */
};

/* Receives and checks the message. -ENODATA: the command is gone. ret is to be freed even on failure. */
int setup_recv(int sock, struct setup *ret, struct err *err);
void setup_done(struct setup *s); /* closes the descriptors; may be repeated */

/* The descriptor with that index, which was checked; -EBADF for -1. */
int setup_fd(const struct setup *s, int32_t index);
/* A warning for the reply; the number of them is bounded. */
void setup_warn(struct setup *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* {"ok": true, "warnings": [...]}, or with failure {"error": {...}}. */
int setup_reply(int sock, const struct setup *s, const struct err *failure, struct err *err);

#endif
