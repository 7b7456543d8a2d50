/* SPDX-License-Identifier: Apache-2.0 */
/* A command of ours that goes on when the one that starts it is done: what makes later ones faster. */
#ifndef MOAT_LIBRUNTIME_BACKGROUND_H
#define MOAT_LIBRUNTIME_BACKGROUND_H

#include "libruntime/runtime.h"

/*
 * Starts `moat WORD...`, words up to a NULL, with the same --root and --config, without stdio, at low priority. It is
 * never waited for.
 */
int background_run(const struct rt *rt, const char *const *words, struct err *err);

/* Such a command as a vector, owned by the caller, which begins with the path of the program. */
int background_argv(const struct rt *rt, const char *const *words, char ***ret, struct err *err);

#endif
