/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent gets to know about a new container. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "libruntime/creation.h"
#include "libruntime/hooks.h"
#include "oci/seccomp.h"

static void warn(void *data, const char *msg)
{
	(void)data;
	log_warn("config.json: %s", msg);
}

int creation_seccomp(struct creation *c, struct err *err)
{
	const struct oci_seccomp *profile = c->config->linux_->seccomp;
	_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program program = {};
	_free_ char *text = NULL;
	int r;

	if (!profile || c->seccomp)
		return 0;
	r = oci_seccomp_compile(profile, warn, NULL, &program, err);
	if (r < 0)
		return r;
	c->seccomp = oci_seccomp_program_to_json(&program);
	text = c->seccomp ? js_dump(c->seccomp) : NULL;
	return text ? io_write_file(c->dir, SECCOMP_FILE, text, strlen(text), 0600, false, err) :
		      err_errno(err, ENOMEM, "linux.seccomp");
}

/* config.json for the guest: without the profile, which it gets compiled. */
static json_t *guest_config(json_t *tree, uint32_t vcpus)
{
	json_t *config = json_copy(tree), *linux_ = json_copy(json_object_get(tree, "linux"));

	if (!linux_)
		return config;
	json_object_del(linux_, "seccomp");
	if (json_object_get(linux_, "resources"))
		json_object_set_new(linux_, "resources",
				    sizing_guest_resources(json_object_get(linux_, "resources"),
							   vcpus));
	json_object_set_new(config, "linux", linux_);
	return config;
}

/* Which entry of linux.devices is which device of the VM, or which devices. */
static json_t *device_params(const struct creation *c)
{
	json_t *arr = json_array();
	size_t n = 0;

	for (size_t i = 0; arr && i < c->devices.n; i++) {
		const struct dev_item *d = &c->devices.v[i];
		bool vfio = d->outcome == DEV_VFIO;
		const char *kind = !vfio ? "disk" : c->vm.vfio_user ? "vfio" : "pci";
		size_t count = vfio ? d->vfio.n : d->outcome != DEV_GUEST;

		for (; count > 0; count--, n++) {
			json_t *o = json_pack("{s:I, s:s, s:b}", "index", (json_int_t)d->index,
					      "kind", kind, "readonly", (int)d->readonly);

			if (o && c->pod.sandbox)
				json_object_set_new(o, "port", json_string(c->plugged[n].port));
			else if (o)
				json_object_set_new(o, "device", json_integer((json_int_t)n));
			json_array_append_new(arr, o);
		}
	}
	return arr;
}

json_t *creation_params(const struct creation *c)
{
	json_t *mounts = json_array();
	char source[PATH_MAX];
	size_t i;

	for (i = 1; i < c->trees.n; i++) {
		if (*c->trees.v[i].shm.name) {
			json_array_append_new(mounts,
					      shm_describe(&c->trees.v[i].shm, c->trees.v[i].index));
			continue;
		}
		snprintf(source, sizeof(source), "%s/m%zu", c->args->id, c->trees.v[i].index);
		json_array_append_new(mounts,
				      json_pack("{s:I, s:s}", "index",
						(json_int_t)c->trees.v[i].index, "source", source));
	}
	snprintf(source, sizeof(source), "%s/rootfs", c->args->id);
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:O*, s:o*, s:o, s:b}", "id",
			 c->args->id, "config", guest_config(c->config->tree, c->vcpus), "root",
			 source, "mounts", mounts, "devices", device_params(c), "network",
			 network_describe(&c->network, dev_plan_hardware(&c->devices)), "volumes",
			 creation_volume_params(c), "passed",
			 passed_describe(c->passed, c->args->preserve_fds), "seccomp", c->seccomp,
			 "state", hooks_start_state(&c->state, c->config), "join",
			 pod_describe(&c->pod), "own_network",
			 c->pod.sandbox && !c->pod.owner[POD_NETWORK]);
}
