/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process gets from the container's own files and from its
 * configuration: home directory, environment. No NSS: /etc/passwd is read
 * line by line as the hostile file that it is.
 */
#ifndef MOAT_AGENT_USER_H
#define MOAT_AGENT_USER_H

#include <stdint.h>

#include "base/err.h"
#include "oci/config.h"

/* The home directory of uid in the passwd file fd into home (size bytes); "/" if the user or his home is not there. */
void user_home(int fd, uint32_t uid, char *home, size_t size);
/* The same from /etc/passwd in the tree at rootfd. */
void user_home_in(int rootfd, uint32_t uid, char *home, size_t size);

/*
 * The environment as runc makes it: of entries with the same name the last one
 * counts, HOME is added if missing or empty, TERM if there is a terminal. The
 * vector and the added entries are owned by the caller (process's end frees them).
 */
int user_env(const struct oci_process *p, const char *home, char ***ret, struct err *err);

#endif
