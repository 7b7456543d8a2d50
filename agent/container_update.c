/* SPDX-License-Identifier: Apache-2.0 */
/* container.update */
#include <errno.h>

#include "agent/container.h"
#include "agent/resources.h"
#include "agent/server.h"
#include "base/cleanup.h"

CONTAINER_REQUEST(container_update)
{
	_cleanup_(oci_resources_freep) struct oci_resources *res = NULL;
	struct container *c = container_param(a, params, err);
	int r;

	if (!c)
		return -ENOENT;
	if (c->state == CONTAINER_CREATING || c->state == CONTAINER_STOPPED || c->deleting)
		return err_set(err, ESRCH, "container not running");
	if (c->cgroup < 0)
		return err_set(err, ENOTSUP, "there are no control groups");
	r = oci_resources_from_json(json_object_get(params, "resources"), "resources", &res, err);
	return r < 0 ? r : resources_apply(c->cgroup, res, "resources", err);
}
