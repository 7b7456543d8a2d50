/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: devices and volumes of a container that runs, and its network as the guest has it. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "libruntime/api.h"
#include "libruntime/volume.h"

int moat_container_add_device(const struct moat *m, const char *id, const char *source,
			      const char *path, const char *access, const char *node,
			      struct moat_error *err)
{
	_json_ json_t *parsed = NULL;
	int r = api_ready(m, api_err(err));

	if (r >= 0 && node)
		r = js_parse(node, strlen(node), NULL, &parsed, api_err(err));
	if (r < 0)
		return r;

	const struct rt_device d = { .source = source,
				     .path = path,
				     .access = access,
				     .node = parsed };

	return rt_device_add(&m->rt, id, &d, api_err(err));
}

int moat_container_remove_device(const struct moat *m, const char *id, const char *path, bool force,
				 struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_device_remove(&m->rt, id, path, force, api_err(err));
}

int moat_container_list_devices(const struct moat *m, const char *id, char **ret,
				struct moat_error *err)
{
	json_t *list;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_device_list(&m->rt, id, &list, api_err(err));
	return r < 0 ? r : api_json(list, 0, ret, "devices", api_err(err));
}

int moat_container_add_volume(const struct moat *m, const char *id, const char *source,
			      const char *destination, const char *options, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_volume_attach(&m->rt, id, source, destination, options, api_err(err));
}

int moat_container_remove_volume(const struct moat *m, const char *id, const char *destination,
				 bool force, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_volume_detach(&m->rt, id, destination, force, api_err(err));
}

int moat_container_list_volumes(const struct moat *m, const char *id, char **ret,
				struct moat_error *err)
{
	json_t *list;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_volume_attached(&m->rt, id, &list, api_err(err));
	return r < 0 ? r : api_json(list, 0, ret, "volumes", api_err(err));
}

int moat_container_network(const struct moat *m, const char *id, char **ret, struct moat_error *err)
{
	json_t *v;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_guest_network(&m->rt, id, &v, api_err(err));
	return r < 0 ? r : api_json(v, 0, ret, "network", api_err(err));
}
