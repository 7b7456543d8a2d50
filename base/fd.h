/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors. Every descriptor is close-on-exec from birth; children get
 * theirs through the map of spawn() only.
 */
#ifndef MOAT_BASE_FD_H
#define MOAT_BASE_FD_H

#include <stdbool.h>

int fd_close(int fd); /* closes if >= 0, keeps errno, returns -EBADF for "fd = fd_close(fd)" */
int fd_set_nonblock(int fd, bool on); /* 0 or -errno */
int fd_set_cloexec(int fd, bool on); /* 0 or -errno */
int fd_dup(int fd); /* close-on-exec duplicate >= 3, or -errno */
/* Opens /dev/null on each of 0, 1, 2 that is closed, so that no later descriptor takes its number. 0 or -errno. */
int fd_fill_stdio(void);
/* Closes every descriptor >= from. */
void fd_close_from(int from);

#endif
