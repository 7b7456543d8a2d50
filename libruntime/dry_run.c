/* SPDX-License-Identifier: Apache-2.0 */
/* create --dry-run: what would be started, without starting or opening anything. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/loop.h"
#include "hypervisor/cmdline.h"
#include "hypervisor/hv_setup.h"
#include "hypervisor/tsc.h"
#include "libruntime/creation.h"

static void on_event(void *data, enum hv_event ev, const char *text)
{
	(void)data;
	(void)ev;
	(void)text;
}

/* The hypervisor as it would be started for a boot. */
static int describe_vm(const struct vm_setup *s, json_t **ret, struct err *err)
{
	const struct hv_ops *ops = hv_find(s->hypervisor);
	_free_ char *cmdline = NULL;
	struct loop *loop = NULL;
	struct hv_config cfg;
	struct hv *hv = NULL;
	int r;

	tsc_begin();
	r = cmdline_build(s, &cmdline, err);
	if (r < 0)
		return r;
	hv_config_from_setup(s, s->kernel, s->initrd, cmdline, &cfg);
	r = loop_new(&loop, err);
	if (r >= 0)
		r = ops->create(&cfg, loop, on_event, NULL, &hv, err);
	if (r >= 0) {
		*ret = ops->describe(hv);
		r = *ret ? 0 : err_errno(err, ENOMEM, "dry run");
	}
	if (hv)
		ops->destroy(hv);
	if (loop)
		loop_free(loop);
	return r;
}

/* Of a container that joins a VM it is looked at again, after its hooks. */
static json_t *describe_network(const struct network *n)
{
	json_t *arr = json_array();

	for (size_t i = 0; arr && i < n->n; i++) {
		const struct network_interface *v = &n->v[i];

		json_array_append_new(
			arr, json_pack("{s:s, s:s, s:s, s:O, s:s*}", "name", v->name, "kind",
				       v->socket ? VM_DEVICE_VHOST_NET : VM_DEVICE_NET, "mac",
				       v->mac, "addresses", v->addresses, "source", v->socket));
	}
	return arr;
}

int rt_dry_run(const struct rt *rt, const struct rt_create *args, json_t **ret, struct err *err)
{
	struct creation c = CREATION_INIT;
	struct vm_setup setup;
	json_t *vm = NULL;
	int r;

	c.rt = rt;
	c.args = args;
	r = creation_check(&c, err);
	if (r >= 0)
		creation_boot_setup(&c, &setup);
	/* A sandbox's is there already. */
	if (r >= 0 && !c.pod.sandbox)
		r = describe_vm(&setup, &vm, err);
	if (r >= 0) {
		*ret = json_pack("{s:s, s:s, s:s*, s:b, s:s, s:o*, s:o, s:o, s:o}", "id", args->id,
				 "rootfs", c.trees.rootfs, "sandbox", c.pod.sandbox, "template",
				 c.vm.template && !c.pod.sandbox, "hypervisor",
				 c.vm.setup.hypervisor, "vm", vm, "devices",
				 dev_plan_describe(&c.devices, c.config), "volumes",
				 volume_plan_describe(&c.volumes, c.config), "network",
				 describe_network(&c.network));
		r = *ret ? 0 : err_errno(err, ENOMEM, "dry run");
	}
	if (r >= 0 && c.root_disk.path)
		json_object_set_new(*ret, "root_disk",
				    json_pack("{s:s, s:s, s:b}", "source", c.root_disk.node,
					      "fstype", c.root_disk.fstype, "readonly",
					      (int)c.root_disk.readonly));
	creation_done(&c);
	return r;
}
