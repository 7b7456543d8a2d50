/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to monitor.sock: commands with their requests, and stand-ins with a process's streams. */
#ifndef MOAT_MONITOR_CLIENT_H
#define MOAT_MONITOR_CLIENT_H

#include "monitor/monitor.h"

#define CLIENTS_MAX 8192

struct client {
	struct client *next;
	struct monitor *m;
	struct wire_conn *conn;
	struct process *process; /* of an attached stand-in */
	bool creator; /* the connection that made this monitor */
	char *watching; /* id of the container whose events it wants; NULL: none */
	bool leaving; /* close when everything is sent */
};

/* Takes fd. creator: see struct client. */
int client_new(struct monitor *m, int fd, bool creator, struct err *err);
int clients_listen(struct monitor *m, int fd, struct err *err);
void clients_free(struct monitor *m);
/* True while something is still to be sent to somebody. */
bool clients_busy(const struct monitor *m);

void client_result(struct client *c, uint32_t id, json_t *result); /* result borrowed; NULL: {} */
void client_error(struct client *c, uint32_t id, const struct err *err);
void client_event(struct client *c, json_t *event); /* taken */
int client_frame(struct client *c, enum wire_type type, uint32_t id, const void *payload,
		 size_t len);
/* An event of a container (taken) to those that asked for its events; who reads nothing loses some. */
void clients_event(struct monitor *m, const char *id, json_t *event);
/* The container has ended: they are let go. */
void clients_ended(struct monitor *m, const char *id);
/* Detaches a stand-in from its process and closes its connection after the last byte. */
void client_let_go(struct client *c);

#endif
