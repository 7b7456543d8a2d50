/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's standard streams: descriptors 0, 1 and 2, read and written
 * without ever blocking and without changing the flags of open files
 * that the caller shares with us (his terminal, his pipe). Pipes and terminals are
 * opened a second time with O_NONBLOCK and take the number of the original;
 * this is done while /proc is still the host's.
 */
#ifndef MOAT_STANDIN_SIO_H
#define MOAT_STANDIN_SIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sio_kind {
	SIO_OWN, /* an open file of our own with O_NONBLOCK */
	SIO_SOCKET, /* MSG_DONTWAIT */
	SIO_FILE, /* regular file, block device or directory: never makes anybody wait */
	SIO_SHARED, /* anything else: poll(2) first, write no more than PIPE_BUF */
};

struct sio {
	int fd; /* -EBADF once closed */
	enum sio_kind kind;
};

/* Classifies descriptor fd and replaces it by one of our own where that is possible. */
void sio_init(struct sio *s, int fd);
/* Bytes read, 0 at the end, -EAGAIN, or -errno. */
ssize_t sio_read(struct sio *s, void *buf, size_t len);
/* Bytes written (perhaps fewer), -EAGAIN, or -errno. */
ssize_t sio_write(struct sio *s, const void *data, size_t len);
void sio_close(struct sio *s);

#endif
