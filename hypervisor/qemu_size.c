/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and virtual processors for a VM that is there: virtio-mem (QEMU's docs/interop, virtio 1.2 section 5.15) and
 * device_add of one of the sockets that -smp left empty.
 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "hypervisor/qemu.h"
#include "hypervisor/qemu_plan.h"

#define CALL_MS 10000

static json_t *memory_args(const struct qemu *q)
{
	return json_pack("{s:s, s:s, s:I}", "path", "/machine/peripheral/" QEMU_MEMORY_DEVICE,
			 "property", "requested-size", "value", (json_int_t)q->more_memory << 20);
}

const struct qemu_step qemu_memory_steps[] = {
	{ .command = "qom-set", .timeout_ms = CALL_MS, .vm_args = memory_args },
	{ 0 },
};

/* One that has no "qom-path" is not there yet. QEMU lists the last ones first. */
static int find_vcpu(struct qemu *q, const json_t *ret, struct err *err)
{
	for (size_t i = json_array_size(ret); i > 0; i--) {
		const json_t *slot = json_array_get(ret, i - 1);

		if (js_get_str(slot, "qom-path") || !js_get_str(slot, "type") ||
		    !json_is_object(json_object_get(slot, "props")))
			continue;
		json_decref(q->vcpu_slot);
		q->vcpu_slot = json_incref((json_t *)slot);
		return 0;
	}
	return err_set(err, ENOSPC, "the virtual machine has all of its processors");
}

static json_t *vcpu_args(const struct qemu *q)
{
	json_t *args = json_deep_copy(json_object_get(q->vcpu_slot, "props"));
	char id[32];

	snprintf(id, sizeof(id), "vcpu%lld", (long long)js_get_int(args, "socket-id", 0));
	if (args && (json_object_set_new(args, "driver",
					 json_string(js_get_str(q->vcpu_slot, "type"))) < 0 ||
		     json_object_set_new(args, "id", json_string(id)) < 0)) {
		json_decref(args);
		return NULL;
	}
	return args;
}

const struct qemu_step qemu_vcpu_steps[] = {
	{ .command = "query-hotpluggable-cpus", .timeout_ms = CALL_MS, .seen = find_vcpu },
	{ .command = "device_add", .timeout_ms = CALL_MS, .vm_args = vcpu_args },
	{ 0 },
};
