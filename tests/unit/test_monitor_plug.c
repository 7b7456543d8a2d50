/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs `plug` and `unplug` for devices that come with a descriptor and those that the hypervisor opens by name. Hypervisor
 * and clients are this file's own.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "devices/device.h"
#include "hypervisor/hv.h"
#include "monitor/backend.h"
#include "monitor/plug.h"

static struct buf seen; /* what happened, a line each */
static struct hv_ops ops;
static struct hv hv = { .ops = &ops };
static struct monitor m;
static struct client client = { .m = &m };
static int refuse; /* the hypervisor's next call ends with that */

void client_result(struct client *c, uint32_t id, json_t *result)
{
	const char *device = json_string_value(json_object_get(result, "device"));

	(void)c;
	buf_printf(&seen, "%u: %s\n", id, device ? device : "done");
}

void client_error(struct client *c, uint32_t id, const struct err *err)
{
	(void)c;
	buf_printf(&seen, "%u: %s\n", id, err->msg);
}

int backend_watch(struct monitor *mon, const struct device *dev, const char *target, struct err *err)
{
	(void)mon;
	(void)dev;
	(void)target;
	(void)err;
	return 0;
}

void backend_forget(struct monitor *mon, const struct device *dev)
{
	(void)mon;
	(void)dev;
}

static int work(const char *what, struct device *dev, hv_done_fn done, void *data)
{
	struct err err = {};

	buf_printf(&seen, "%s %s%s%s\n", what, dev->id, dev->kind == DEVICE_VFIO ? " " : "",
		   dev->kind == DEVICE_VFIO ? dev->vfio.address : "");
	if (refuse)
		err_set(&err, refuse, "refused");
	refuse = 0;
	done(data, &err);
	return 0;
}

static int attach(struct hv *h, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	(void)h;
	(void)err;
	return work("attach", dev, done, data);
}

static int detach(struct hv *h, struct device *dev, hv_done_fn done, void *data, struct err *err)
{
	(void)h;
	(void)err;
	return work("detach", dev, done, data);
}

static void begin(const char *machine)
{
	struct err err = {};

	ops.attach = attach;
	ops.detach = detach;
	m.hv = &hv;
	m.phase = VM_READY;
	m.setup.machine = (char *)machine;
	unit_ok(devices_new(2, &m.devices, &err), &err);
}

static void saw(const char *want)
{
	ck_assert_str_eq(seen.data ? seen.data : "", want);
	buf_reset(&seen);
}

static int plug_vfio(uint32_t id, const char *owner, const char *address, int fd, struct err *err)
{
	_json_ json_t *params = json_pack("{s:s, s:s, s:s, s:i}", "id", owner, "kind", "vfio",
					  "address", address, "group", 10);

	return plug_request(&client, id, params, fd, err);
}

static int unplug(uint32_t id, const char *owner, struct err *err)
{
	_json_ json_t *params = json_pack("{s:s}", "id", owner);

	return unplug_request(&client, id, params, err);
}

START_TEST(by_name)
{
	struct err err = {};

	begin("q35");
	unit_ok(plug_vfio(1, "a", "0000:01:00.0", -EBADF, &err), &err);
	saw("attach vfio0 0000:01:00.0\n1: vfio0\n");
	/* It counts as a disk that the guest may have to write back to. */
	ck_assert(plugged_disks(&m));
	unit_fails(plug_vfio(2, "b", "0000:01:00.0", -EBADF, &err), EEXIST, &err, "there twice");
	unit_fails(plug_vfio(2, "b", "0000:01:00.0/../..", -EBADF, &err), EINVAL, &err,
		   "no PCI address");
	unit_fails(unplug(3, "b", &err), ENOENT, &err, "no such device");
	unit_ok(unplug(4, "a", &err), &err);
	saw("detach vfio0 0000:01:00.0\n4: done\n");
	ck_assert(!plugged_disks(&m));
	/* One that QEMU does not take leaves nothing: its port is free. */
	for (uint32_t i = 5; i < 8; i++) {
		refuse = EIO;
		unit_ok(plug_vfio(i, "a", "0000:01:00.0", -EBADF, &err), &err);
	}
	saw("attach vfio1 0000:01:00.0\n5: refused\nattach vfio2 0000:01:00.0\n6: refused\n"
	    "attach vfio3 0000:01:00.0\n7: refused\n");
	unit_fails(unplug(8, "a", &err), ENOENT, &err, "no such device");
	devices_free(m.devices);
	buf_done(&seen);
}
END_TEST

START_TEST(descriptors)
{
	_json_ json_t *disk = json_pack("{s:s, s:s}", "id", "a", "kind", "file");
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err err = {};

	begin("q35");
	/* None may come with it, and it does not stay open. */
	unit_fails(plug_vfio(1, "a", "0000:01:00.0", fd, &err), EPROTO, &err,
		   "plug of a vfio with a descriptor");
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	unit_fails(plug_request(&client, 2, disk, -EBADF, &err), EPROTO, &err,
		   "plug of a file without a descriptor");
	saw("");
	devices_free(m.devices);
	begin("microvm");
	unit_fails(plug_vfio(3, "a", "0000:01:00.0", -EBADF, &err), ENOTSUP, &err,
		   "machine type q35");
	saw("");
	devices_free(m.devices);
}
END_TEST

UNIT_MAIN("monitor_plug", by_name, descriptors)
