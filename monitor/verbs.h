/* SPDX-License-Identifier: Apache-2.0 */
/* What commands and stand-ins may ask the monitor for: the table of wire/PROTOCOL.md. */
#ifndef MOAT_MONITOR_VERBS_H
#define MOAT_MONITOR_VERBS_H

#include "monitor/client.h"

struct process;

int verbs_request(struct client *c, const struct wire_frame *f, struct err *err);
int verbs_standin_event(struct process *p, const char *name, json_t *event, struct err *err);
/* The connection goes away: answers still to come are dropped. */
void verbs_client_gone(struct monitor *m, struct client *c);

#endif
