/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/unit.h"
#include "wire/vm_setup.h"

static char *args[] = { (char *)"--a", (char *)"b,c", NULL };

#define STR(s) ((char *)(s)) /* nothing here is written to */

static struct vm_device devices[] = {
	{ .kind = STR(VM_DEVICE_BLOCK), .fd = 8, .readonly = true, .socket = STR("/s"), .reconnect = 5 },
	{ .kind = STR(VM_DEVICE_VFIO), .address = STR("0000:01:00.0"), .group = 300 },
};

static const struct vm_setup sample = {
	.id = STR("c1"),
	.hypervisor = STR("qemu"),
	.path = STR("/usr/bin/q"),
	.machine = STR("q35"),
	.accel = STR("tcg"),
	.kernel = STR("/k"),
	.initrd = STR("/i"),
	.kernel_params = STR("a b"),
	.virtiofsd = STR("/v"),
	.virtiofs_cache = STR("auto"),
	.virtiofsd_args = args,
	.hostname = STR("h"),
	.template = STR(VM_TEMPLATE_RESTORE),
	.template_sum = STR("00ff"),
	.devices = devices,
	.n_devices = 2,
	.memory = 256,
	.vcpus = 2,
	.base_memory = 128,
	.base_vcpus = 1,
	.max_memory = 4096,
	.max_vcpus = 8,
	.ports = 8,
	.boot_timeout = 60,
	.uid = 0x70000002,
	.vsock = true,
	.debug = true,
};

START_TEST(round_trip)
{
	_json_ json_t *tree = vm_setup_to_json(&sample);
	struct vm_setup s;
	struct err err = {};

	unit_ok(vm_setup_from_json(tree, &s, &err), &err);
	ck_assert_str_eq(s.id, "c1");
	ck_assert_str_eq(s.kernel_params, "a b");
	ck_assert_str_eq(s.virtiofsd_args[1], "b,c");
	ck_assert_ptr_null(s.virtiofsd_args[2]);
	ck_assert_ptr_null(s.cpu);
	ck_assert_str_eq(s.template, "restore");
	ck_assert_str_eq(s.template_sum, "00ff");
	ck_assert_uint_eq(s.uid, 0x70000002);
	ck_assert_uint_eq(s.memory, 256);
	ck_assert_uint_eq(s.n_devices, 2);
	ck_assert_str_eq(s.devices[1].address, "0000:01:00.0");
	ck_assert_uint_eq(s.devices[1].group, 300);
	ck_assert_str_eq(s.devices[0].socket, "/s");
	ck_assert_uint_eq(s.devices[0].reconnect, 5);
	ck_assert_uint_eq(s.base_memory, 128);
	ck_assert_uint_eq(s.max_memory, 4096);
	ck_assert(s.vsock && s.debug && !s.hugepages);
	_json_ json_t *again = vm_setup_to_json(&s);
	ck_assert(json_equal(tree, again));
	vm_setup_done(&s);
}
END_TEST

/* A VM that boots */
START_TEST(without_a_template)
{
	struct vm_setup plain = sample, s;
	struct err err = {};

	plain.template = plain.template_sum = NULL;
	_json_ json_t *tree = vm_setup_to_json(&plain);
	unit_ok(vm_setup_from_json(tree, &s, &err), &err);
	ck_assert_ptr_null(s.template);
	ck_assert_ptr_null(s.template_sum);
	vm_setup_done(&s);
	json_object_set_new(tree, "template", json_integer(1));
	unit_fails(vm_setup_from_json(tree, &s, &err), EINVAL, &err, "template");
	vm_setup_done(&s);
}
END_TEST

START_TEST(refusals)
{
	_json_ json_t *tree = vm_setup_to_json(&sample);
	struct vm_setup s;
	struct err err = {};

	json_object_set_new(tree, "memory", json_string("x"));
	unit_fails(vm_setup_from_json(tree, &s, &err), EINVAL, &err, "memory");
	vm_setup_done(&s);
	json_object_set_new(tree, "memory", json_integer(1));
	json_object_set_new(tree, "surprise", json_integer(1));
	unit_fails(vm_setup_from_json(tree, &s, &err), EINVAL, &err, "surprise");
	vm_setup_done(&s);
	json_object_del(tree, "surprise");
	json_object_del(tree, "kernel");
	unit_fails(vm_setup_from_json(tree, &s, &err), EINVAL, &err, "kernel");
	vm_setup_done(&s);
}
END_TEST

/* One by itself, as it is plugged in */
START_TEST(device)
{
	struct vm_device in = { .kind = (char *)VM_DEVICE_NET, .mac = (char *)"52:54:00:12:34:56" },
			 v;
	_json_ json_t *tree = vm_device_to_json(&in);
	struct err err = {};

	unit_ok(vm_device_from_json(tree, &v, &err), &err);
	ck_assert_str_eq(v.kind, in.kind);
	ck_assert_str_eq(v.mac, in.mac);
	ck_assert_uint_eq(v.fd, 0);
	vm_device_done(&v);
	json_object_set_new(tree, "kind", json_string(""));
	unit_fails(vm_device_from_json(tree, &v, &err), EINVAL, &err, "kind");
	vm_device_done(&v);
}
END_TEST

UNIT_MAIN("vm_setup", round_trip, without_a_template, refusals, device)
