/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/process.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"

/* "uid", "uid:gid": numbers; without a gid the container's group stays, as in runc. */
static int set_user(json_t *process, const char *user, struct err *err)
{
	json_t *obj = json_object_get(process, "user");
	_free_ char *copy = strdup(user);
	char *colon;
	uint32_t id;

	if (!copy)
		return err_errno(err, ENOMEM, "--user");
	if (!obj) {
		obj = json_object();
		json_object_set_new(process, "user", obj);
	}
	colon = strchr(copy, ':');
	if (colon)
		*colon++ = '\0';
	if (num_u32(copy, 0, UINT32_MAX - 1, &id) < 0)
		return err_set(err, EINVAL, "--user '%s': want UID[:GID] in numbers", user);
	json_object_set_new(obj, "uid", json_integer(id));
	if (!colon)
		return 0;
	if (num_u32(colon, 0, UINT32_MAX - 1, &id) < 0)
		return err_set(err, EINVAL, "--user '%s': want UID[:GID] in numbers", user);
	json_object_set_new(obj, "gid", json_integer(id));
	return 0;
}

static int add_gids(json_t *process, char *const *gids, struct err *err)
{
	json_t *obj = json_object_get(process, "user"), *list;
	uint32_t gid;

	if (!gids || !*gids)
		return 0;
	list = json_object_get(obj, "additionalGids");
	if (!list) {
		list = json_array();
		json_object_set_new(obj, "additionalGids", list);
	}
	for (; *gids; gids++) {
		if (num_u32(*gids, 0, UINT32_MAX - 1, &gid) < 0)
			return err_set(err, EINVAL, "--additional-gids '%s': not a group id", *gids);
		json_array_append_new(list, json_integer(gid));
	}
	return 0;
}

static void add_caps(json_t *process, char *const *caps)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	json_t *obj = json_object_get(process, "capabilities"), *set;
	size_t i;

	if (!caps || !*caps)
		return;
	if (!json_is_object(obj)) {
		obj = json_object();
		json_object_set_new(process, "capabilities", obj);
	}
	for (; *caps; caps++)
		for (i = 0; i < ARRAY_SIZE(sets); i++) {
			set = json_object_get(obj, sets[i]);
			if (!json_is_array(set)) {
				set = json_array();
				json_object_set_new(obj, sets[i], set);
			}
			json_array_append_new(set, json_string(*caps));
		}
}

static int add_env(json_t *process, char *const *env, struct err *err)
{
	json_t *list = json_object_get(process, "env");

	if (!env || !*env)
		return 0;
	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(process, "env", list);
	}
	for (; *env; env++)
		if (json_array_append_new(list, json_string(*env)) < 0)
			return err_set(err, EINVAL, "process.env: not UTF-8");
	return 0;
}

int process_apply(const struct rt_exec *a, json_t *process, struct err *err)
{
	int r = add_env(process, a->env, err);

	if (a->args)
		json_object_set_new(process, "args", js_new_strv(a->args));
	if (a->cwd)
		json_object_set_new(process, "cwd", json_string(a->cwd));
	if (r >= 0 && a->user)
		r = set_user(process, a->user, err);
	if (r >= 0)
		r = add_gids(process, a->additional_gids, err);
	if (r < 0)
		return r;
	add_caps(process, a->caps);
	if (a->tty >= 0)
		json_object_set_new(process, "terminal", json_boolean(a->tty));
	if (a->apparmor)
		json_object_set_new(process, "apparmorProfile", json_string(a->apparmor));
	if (a->label)
		json_object_set_new(process, "selinuxLabel", json_string(a->label));
	if (a->no_new_privs)
		json_object_set_new(process, "noNewPrivileges", json_true());
	return 0;
}
