/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a program as runc does, with its words: clients read them. Runs with the user's own credentials. */
#ifndef MOAT_AGENT_LOOKUP_H
#define MOAT_AGENT_LOOKUP_H

#include "base/err.h"

/*
 * name with a slash is taken as it is (relative to the working directory),
 * else searched in PATH of env. *ret_path is the caller's. The messages start
 * with `exec: "<name>": `.
 */
int exec_lookup(const char *name, char *const *env, char **ret_path, struct err *err);

#endif
