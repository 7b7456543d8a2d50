/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs `plug` and `unplug`: devices that a VM gets, and gives back, while it is up, one after the other in the order of
 * the requests. Those of a VM that still boots wait until its agent answers. Plugging goes on if its command has gone.
 */
#ifndef MOAT_MONITOR_PLUG_H
#define MOAT_MONITOR_PLUG_H

#include "monitor/client.h"

/* Takes fd. The device is noted as that of the container "id", with the command's "tag" if there is one. Answers later, with {"device", "port"}: a name for unplug, the address of the device's root port in the guest. */
int plug_request(struct client *c, uint32_t request, const json_t *params, int fd, struct err *err);
/* Of one "device", or of the container "id": the one with that "tag", or any. -ENOENT without one. Answers when the guest has let go of it. */
int unplug_request(struct client *c, uint32_t id, json_t *params, struct err *err);
/* The one of that name if it was plugged in for that container, or NULL. */
struct device *plugged_device(const struct monitor *m, const char *container, const char *name);
/* Whether there is one that the guest may still have to write to. */
bool plugged_disks(const struct monitor *m);
void plugs_vm_ready(struct monitor *m);
/* Requests that wait fail with err. */
void plugs_vm_ended(struct monitor *m, const struct err *err);
void plugs_client_gone(struct monitor *m, const struct client *c);

#endif
