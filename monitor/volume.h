/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about volumes: the agent answers; volume.resize after the hypervisor has made a disk of ours larger. */
#ifndef MOAT_MONITOR_VOLUME_H
#define MOAT_MONITOR_VOLUME_H

#include "monitor/client.h"

int volume_add_request(struct client *c, uint32_t id, json_t *params, struct err *err);
int volume_remove_request(struct client *c, uint32_t id, json_t *params, struct err *err);
int volume_stats_request(struct client *c, uint32_t id, json_t *params, struct err *err);
int volume_resize_request(struct client *c, uint32_t id, json_t *params, struct err *err);

#endif
