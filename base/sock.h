/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix stream sockets. Names are taken relative to a directory descriptor
 * through /proc/self/fd, so that the length of the state directory's path does not count
 * against the 108 bytes of sun_path.
 */
#ifndef MOAT_BASE_SOCK_H
#define MOAT_BASE_SOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Listening socket at dirfd/name, mode 0600, replacing nothing (-EADDRINUSE). Returns the descriptor. */
int sock_listen_at(int dirfd, const char *name, struct err *err);
/* Connected, blocking, close-on-exec. dirfd may be AT_FDCWD with a path of any length. */
int sock_connect_at(int dirfd, const char *name, struct err *err);
/* Connected pair, close-on-exec. 0 or -errno. */
int sock_pair(int ret[2], struct err *err);

/* Sends data with up to SOCK_MAX_FDS descriptors attached to its first byte. 0 or -errno. */
#define SOCK_MAX_FDS 16
int sock_send_fds(int sock, const void *data, size_t len, const int *fds, size_t n_fds);
/*
 * Receives up to len bytes and up to *n_fds descriptors (close-on-exec); *n_fds
 * becomes their number. More descriptors than asked for are closed and the
 * call fails with -EMFILE; truncated control data is -EPROTO. Returns bytes, 0 at end.
 */
ssize_t sock_recv_fds(int sock, void *data, size_t len, int *fds, size_t *n_fds);
/* Effective uid of the peer (SO_PEERCRED), or -errno. */
int sock_peer_uid(int sock, uid_t *ret);

#endif
