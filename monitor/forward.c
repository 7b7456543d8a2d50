/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "monitor/agent.h"

struct container *need_container(struct client *c, const json_t *params, struct err *err)
{
	const char *id = js_get_str(params, "id");
	struct container *k = id ? container_find(c->m, id) : NULL;

	if (!k)
		err_set(err, ENOENT, id ? "container does not exist" : "request without id");
	return k;
}

struct call *call_new(struct client *c, uint32_t id, struct container *k, struct err *err)
{
	struct call *call = calloc(1, sizeof(*call));
	char *container = strdup(k->id);

	if (!call || !container) {
		free(call);
		free(container);
		err_errno(err, ENOMEM, "request");
		return NULL;
	}
	*call = (struct call){ .next = c->m->calls,
			       .m = c->m,
			       .client = c,
			       .id = id,
			       .container = container,
			       .on_success = CONTAINER_CREATING };
	c->m->calls = call;
	return call;
}

void call_drop(struct call *k)
{
	struct call **kp;

	for (kp = &k->m->calls; *kp; kp = &(*kp)->next)
		if (*kp == k) {
			*kp = k->next;
			break;
		}
	json_decref(k->params);
	free(k->container);
	free(k);
}

static void on_reply(void *data, json_t *result, const struct err *err)
{
	struct call *k = data;
	struct container *c = container_find(k->m, k->container);

	if (c && !err->code && k->forget) {
		container_forget(c);
	} else if (c && !err->code && k->on_success != CONTAINER_CREATING &&
		   c->status != CONTAINER_STOPPED) {
		c->status = k->on_success;
		log_debug("container %s", container_status_name(c->status));
	}
	if (k->client && err->code)
		client_error(k->client, k->id, err);
	else if (k->client)
		client_result(k->client, k->id, result);
	call_drop(k);
}

int call_send(struct call *k, const char *method, json_t *params, int timeout_ms, struct err *err)
{
	if (!params)
		return err_errno(err, ENOMEM, "%s", method);
	return agent_call(k->m->agent, method, params, timeout_ms, on_reply, k, err);
}

void call_fail(struct call *k, const struct err *err)
{
	on_reply(k, NULL, err);
}

int forward(struct client *c, uint32_t id, const char *method, struct container *k, json_t *params,
	    int timeout_ms, struct call **ret, struct err *err)
{
	struct call *call = call_new(c, id, k, err);
	int r;

	if (!call) {
		json_decref(params);
		return -ENOMEM;
	}
	r = call_send(call, method, params, timeout_ms, err);
	if (r < 0) {
		call_drop(call);
		return r;
	}
	if (ret)
		*ret = call;
	return 0;
}

void calls_client_gone(struct monitor *m, const struct client *c)
{
	for (struct call *k = m->calls; k; k = k->next)
		if (k->client == c)
			k->client = NULL;
}
