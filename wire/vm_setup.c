/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/vm_setup.h"

#include <string.h>

#include "base/json.h"

#define STR(name, fl)                                                                    \
	{                                                                                \
		.key = #name, .type = JS_STR, .offset = offsetof(struct vm_setup, name), \
		.flags = (fl)                                                            \
	}
#define U32(name)                                                                        \
	{                                                                                \
		.key = #name, .type = JS_U32, .offset = offsetof(struct vm_setup, name), \
		.flags = JS_REQUIRED                                                     \
	}
#define FLAG(name)                                                                       \
	{                                                                                \
		.key = #name, .type = JS_BOOL, .offset = offsetof(struct vm_setup, name) \
	}

#define DEVICE(name, type_, fl)                                                            \
	{                                                                                  \
		.key = #name, .type = (type_), .offset = offsetof(struct vm_device, name), \
		.flags = (fl)                                                              \
	}

static const struct js_field device_fields[] = {
	DEVICE(kind, JS_STR, JS_REQUIRED | JS_NONEMPTY),
	DEVICE(fd, JS_U32, 0),
	DEVICE(readonly, JS_BOOL, 0),
	DEVICE(mac, JS_STR, 0),
	DEVICE(address, JS_STR, 0),
	DEVICE(group, JS_U32, 0),
	DEVICE(queues, JS_U32, 0),
	DEVICE(queue_size, JS_U32, 0),
	DEVICE(socket, JS_STR, 0),
	DEVICE(reconnect, JS_U32, 0),
	{},
};

static const struct js_field fields[] = {
	STR(id, JS_REQUIRED | JS_NONEMPTY),
	STR(hypervisor, JS_REQUIRED | JS_NONEMPTY),
	STR(path, JS_REQUIRED),
	STR(machine, JS_REQUIRED),
	STR(accel, JS_REQUIRED),
	STR(cpu, 0),
	STR(firmware, 0),
	STR(kernel, JS_REQUIRED),
	STR(initrd, JS_REQUIRED),
	STR(kernel_params, 0),
	STR(virtiofsd, JS_REQUIRED),
	STR(virtiofs_cache, JS_REQUIRED),
	{ .key = "virtiofsd_args",
	  .type = JS_STRV,
	  .offset = offsetof(struct vm_setup, virtiofsd_args) },
	STR(hostname, 0),
	STR(template, 0),
	STR(template_sum, 0),
	U32(memory),
	U32(vcpus),
	U32(base_memory),
	U32(base_vcpus),
	U32(max_memory),
	U32(max_vcpus),
	U32(ports),
	U32(monitor_log_limit),
	U32(console_log_limit),
	U32(boot_timeout),
	U32(uid),
	{ .key = "devices",
	  .type = JS_ARR,
	  .offset = offsetof(struct vm_setup, devices),
	  .offset2 = offsetof(struct vm_setup, n_devices),
	  .sub = device_fields,
	  .size = sizeof(struct vm_device) },
	FLAG(vhost_net),
	FLAG(vsock),
	FLAG(hugepages),
	FLAG(iommu),
	FLAG(reclaim),
	FLAG(one_thread),
	FLAG(keep),
	FLAG(debug),
	{},
};

/* The writer is driven by the same rows, so that no member can be forgotten on one side. */
static json_t *to_json(const struct js_field *f, const void *base);

static json_t *member_to_json(const struct js_field *f, const void *base)
{
	const char *p = (const char *)base + f->offset;
	json_t *arr;

	switch (f->type) {
	case JS_STR:
		return *(char *const *)p ? json_string(*(char *const *)p) : NULL;
	case JS_BOOL:
		return json_boolean(*(const bool *)p);
	case JS_U32:
		return json_integer(*(const uint32_t *)p);
	case JS_STRV:
		return js_new_strv(*(char **const *)p);
	case JS_ARR:
		arr = json_array();
		for (size_t i = 0; arr && i < *(const size_t *)((const char *)base + f->offset2);
		     i++)
			json_array_append_new(arr, to_json(f->sub,
							   *(const char *const *)p + i * f->size));
		return arr;
	default:
		return NULL;
	}
}

static json_t *to_json(const struct js_field *f, const void *base)
{
	json_t *obj = json_object(), *v;

	for (; obj && f->key; f++) {
		v = member_to_json(f, base);
		if (v)
			json_object_set_new(obj, f->key, v);
	}
	return obj;
}

json_t *vm_setup_to_json(const struct vm_setup *s)
{
	return to_json(fields, s);
}

int vm_setup_from_json(const json_t *tree, struct vm_setup *ret, struct err *err)
{
	struct js_ctx ctx = { .strict = true, .err = err };

	memset(ret, 0, sizeof(*ret));
	return js_decode(tree, fields, ret, "setup", &ctx);
}

json_t *vm_device_to_json(const struct vm_device *v)
{
	return to_json(device_fields, v);
}

int vm_device_from_json(const json_t *tree, struct vm_device *ret, struct err *err)
{
	struct js_ctx ctx = { .strict = true, .err = err };

	memset(ret, 0, sizeof(*ret));
	return js_decode(tree, device_fields, ret, "device", &ctx);
}

void vm_device_done(struct vm_device *v)
{
	js_free_fields(device_fields, v);
}

void vm_setup_done(struct vm_setup *s)
{
	js_free_fields(fields, s);
}
