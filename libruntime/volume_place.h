/* SPDX-License-Identifier: Apache-2.0 */
/* Where and how a direct volume is mounted in a container that runs, as a caller of the library says it. */
#ifndef MOAT_LIBRUNTIME_VOLUME_PLACE_H
#define MOAT_LIBRUNTIME_VOLUME_PLACE_H

#include "base/err.h"

/* An absolute path without "." and "..", of which none is -EINVAL; -ENOTSUP: it is below /dev. */
int volume_place_check(const char *destination, struct err *err);
/*
 * "ro,noatime" as a string vector, owned by the caller; NULL: none. -EINVAL names an option that is not one of a mount: those of file
 * systems are the volume's own.
 */
int volume_place_options(const char *text, char ***ret, struct err *err);

#endif
