/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/resolver.h"

#include <errno.h>

#include "base/json.h"
#include "monitor/container.h"
#include "monitor/forward.h"
#include "wire/frame.h"

/* First the stand-in hears of it, so that questions that follow meet one who knows where to ask. Asked again, it is as it was. */
int resolver_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	const char *address = js_get_str(params, "address");
	struct container *k = need_container(c, params, err);
	struct process *init = k ? process_find(k, "") : NULL;

	if (!k)
		return -ENOENT;
	if (!address)
		return err_set(err, EPROTO, "resolver without address");
	if (!init || init->phase != PROCESS_ALIVE || !init->standin)
		return err_set(err, ESRCH, "container not running");
	if (init->n_passed >= WIRE_PASSED_MAX)
		return err_set(err, E2BIG, "resolver: the container was passed %d descriptors",
			       WIRE_PASSED_MAX);
	init->resolver = true;
	client_event(init->standin,
		     json_pack("{s:s, s:s}", "event", "resolver", "address", address));
	return forward(c, id, "container.resolver", k, json_incref(params), FORWARD_MS, NULL, err);
}
