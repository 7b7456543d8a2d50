/* SPDX-License-Identifier: Apache-2.0 */
/* Behind moat.h: its opaque structs, and the way from its errors to ours. What is exported is in moat.map. */
#ifndef MOAT_LIBRUNTIME_API_H
#define MOAT_LIBRUNTIME_API_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "libruntime/moat.h"
#include "libruntime/runtime.h"

struct moat {
	struct rt rt; /* borrows from what follows */
	char *root, *config;
	bool failed; /* a setter had no memory */
};

struct moat_process {
	struct rt_exec exec; /* borrows from what follows */
	char **args, **env, **groups, **caps, **cgroups;
	char *cwd, *user, *apparmor, *label, *pid_file, *console_socket;
	json_t *json; /* a process object in place of the container's */
	const json_t *base; /* the one of the description, borrowed; NULL: of a container that is there */
	int stdio[3];
	struct err failure; /* of a setter */
};

struct moat_spec {
	char *id;
	char *bundle; /* NULL: none */
	json_t *config;
	struct moat_process process;
	unsigned int chosen; /* namespaces that are not to be shared by default: bits, by the order of api_spec.c's table */
	bool hostname; /* it was set */
	bool own_root; /* see rt_create */
	struct err failure;
};

_Static_assert(sizeof(struct moat_error) == sizeof(struct err) &&
		       offsetof(struct moat_error, code) == offsetof(struct err, code) &&
		       offsetof(struct moat_error, msg) == offsetof(struct err, msg),
	       "the errors of the library and ours are one");

static inline struct err *api_err(struct moat_error *err)
{
	return (struct err *)err;
}

/* What setters have kept back. */
int api_ready(const struct moat *m, struct err *err);
/* A container that is no longer being created, not locked; *ret is for container_close(), also after a failure. */
struct container;
int api_open(const struct moat *m, const char *id, struct container *ret, struct err *err);
/* A text for the caller, or what happened instead of it. Takes it. */
int api_text(char *text, char **ret, const char *what, struct err *err);
/* The same of JSON, which is taken. indent 0: one line. */
int api_json(json_t *v, int indent, char **ret, const char *what, struct err *err);

void process_init(struct moat_process *p);
void process_done(struct moat_process *p);

/* config.json of a description, fresh. sandbox: the stand-in of the sandbox that it is for, 0: of its own. */
int spec_config(const struct moat_spec *s, pid_t sandbox, json_t **ret, struct err *err);
/* The rest of what rt_create() wants; borrows. */
int spec_create_args(const struct moat_spec *s, const char *sandbox, json_t *config,
		     struct rt_create *ret, struct err *err);

#endif
