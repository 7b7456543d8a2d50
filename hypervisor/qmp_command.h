/* SPDX-License-Identifier: Apache-2.0 */
/* One command on its way to QEMU, possibly with a descriptor. */
#ifndef MOAT_HYPERVISOR_QMP_COMMAND_H
#define MOAT_HYPERVISOR_QMP_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qmp_command {
	uint64_t id;
	char name[40];
	int fd; /* travels with the first byte; -EBADF: none, or gone. Borrowed */
	char *text; /* the line; NULL once everything was sent */
	size_t len, off;
};

/* args is borrowed and may be NULL. 0 or -ENOMEM. */
int qmp_command_init(struct qmp_command *c, uint64_t id, const char *name, json_t *args, int fd);
void qmp_command_done(struct qmp_command *c);
/* Sends what is left. False when the socket is full, or broken: the end of file tells. */
bool qmp_command_send(struct qmp_command *c, int sock);
bool qmp_command_sent(const struct qmp_command *c);

#endif
