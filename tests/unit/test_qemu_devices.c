/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, memory and processors of a VM: QMP commands, and their undoing. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "hypervisor/hv.h"
#include "tests/unit/test_qemu.h"

START_TEST(attach_detach)
{
	struct device *dev;

	started("ok");
	ck_assert_str_eq(told(), "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	dev = an_fs("moat");
	attach(dev);
	resume();
	saw(""); /* nothing inside the calls */
	until("resume");
	saw("attach: ok\nresume: ok\n");
	/* Else virtiofsd would not notice the end of the VM. */
	ck_assert_int_lt(dev->fs.socket, 0);
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"fs0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"fs0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"fs0\"}},\"server\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-fs-pci\",\"id\":\"fs0\","
		"\"bus\":\"rp0\",\"chardev\":\"fs0-chr\",\"tag\":\"moat\",\"queue-size\":128}}\n"
		"{\"execute\":\"cont\",\"id\":5}\n");
	detach(dev);
	until("detach");
	saw("detach: ok\n");
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"device_del\",\"id\":6,\"arguments\":{\"id\":\"fs0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":7,\"arguments\":{\"id\":\"fs0-chr\"}}\n");
	teardown();
}
END_TEST

START_TEST(vsock)
{
	struct device want = { .kind = DEVICE_VSOCK, .vsock = { .cid = 7 } };
	struct device *dev = NULL;
	struct err err = { 0 };

	started("ok");
	want.vsock.vhostfd = open("/dev/null", O_RDWR | O_CLOEXEC);
	told();
	unit_ok(devices_add(devices, &want, &dev, &err), &err);
	attach(dev);
	until("attach");
	saw("attach: ok\n");
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vsock0\"}}\n"
		"{\"execute\":\"device_add\",\"id\":3,\"arguments\":{\"driver\":\"vhost-vsock-pci\","
		"\"id\":\"vsock0\",\"bus\":\"rp0\",\"guest-cid\":7,\"vhostfd\":\"vsock0\"}}\n");
	teardown();
}
END_TEST

static void attach_and_detach(const struct device *want, const char *attached, const char *detached)
{
	struct device *dev = NULL, copy = *want;
	struct err err = { 0 };

	started("ok");
	told();
	if (copy.kind != DEVICE_VFIO && copy.kind != DEVICE_VHOST_NET)
		*(copy.kind == DEVICE_BLK ? &copy.blk.fd : &copy.vhost.socket) = open(
			"/dev/null", O_RDWR | O_CLOEXEC);
	unit_ok(devices_add(devices, &copy, &dev, &err), &err);
	attach(dev);
	until("attach");
	saw("attach: ok\n");
	ck_assert_str_eq(told(), attached);
	ck_assert_str_eq(dev->port_address, "0000:00:04.0");
	ck_assert_int_lt(device_fd(dev), 0);
	detach(dev);
	until("detach");
	saw("detach: ok\n");
	ck_assert_str_eq(told(), detached);
	teardown();
}

START_TEST(networks)
{
	static const char *const vhost[] = { "false", "true" };

	for (int i = 0; i < 2; i++) {
		struct device net = { .kind = DEVICE_NET,
				      .net = { .mac = "02:00:00:00:00:01", .vhost = i == 1 } };
		_free_ char *attached = str_printf(
			"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"net0\"}}\n"
			"{\"execute\":\"netdev_add\",\"id\":3,\"arguments\":{\"type\":\"tap\",\"id\":\"net0\",\"fd\":\"net0\",\"vhost\":%s}}\n"
			"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"virtio-net-pci\",\"id\":\"net0\",\"bus\":\"rp0\","
			"\"netdev\":\"net0\",\"mac\":\"02:00:00:00:00:01\",\"romfile\":\"\"}}\n",
			vhost[i]);

		attach_and_detach(
			&net, attached,
			"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"net0\"}}\n"
			"{\"execute\":\"netdev_del\",\"id\":6,\"arguments\":{\"id\":\"net0\"}}\n");
	}
}
END_TEST

START_TEST(disks)
{
	struct device blk = { .kind = DEVICE_BLK, .blk = { .host_device = true, .readonly = true } };
	struct device vblk = { .kind = DEVICE_VHOST_BLK,
			       .vhost = { .queues = 2, .queue_size = 256 } };
	struct device vscsi = { .kind = DEVICE_VHOST_SCSI };

	attach_and_detach(
		&blk,
		"{\"execute\":\"add-fd\",\"id\":2,\"arguments\":{\"fdset-id\":1,\"opaque\":\"blk0\"}}\n"
		"{\"execute\":\"blockdev-add\",\"id\":3,\"arguments\":{\"driver\":\"raw\",\"node-name\":\"blk0\","
		"\"read-only\":true,\"cache\":{\"no-flush\":false},\"file\":{\"driver\":\"host_device\","
		"\"filename\":\"/dev/fdset/1\",\"read-only\":true,\"locking\":\"off\"}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"virtio-blk-pci\",\"id\":\"blk0\","
		"\"bus\":\"rp0\",\"drive\":\"blk0\",\"serial\":\"blk0\"}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"blk0\"}}\n"
		"{\"execute\":\"blockdev-del\",\"id\":6,\"arguments\":{\"node-name\":\"blk0\"}}\n"
		"{\"execute\":\"remove-fd\",\"id\":7,\"arguments\":{\"fdset-id\":1}}\n");
	attach_and_detach(
		&vblk,
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vblk0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"vblk0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"vblk0\"}},\"server\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-blk-pci\",\"id\":\"vblk0\","
		"\"bus\":\"rp0\",\"chardev\":\"vblk0-chr\",\"num-queues\":2,\"queue-size\":256}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"vblk0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":6,\"arguments\":{\"id\":\"vblk0-chr\"}}\n");
	attach_and_detach(
		&vscsi,
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vscsi0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"vscsi0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"vscsi0\"}},\"server\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-scsi-pci\",\"id\":\"vscsi0\","
		"\"bus\":\"rp0\",\"chardev\":\"vscsi0-chr\"}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"vscsi0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":6,\"arguments\":{\"id\":\"vscsi0-chr\"}}\n");
}
END_TEST

/* A device that QEMU is connected to again and again: it listens, and waits for nobody in chardev-add. */
START_TEST(vhost_user_that_comes_back)
{
	struct device vblk = { .kind = DEVICE_VHOST_BLK, .vhost = { .listening = true } };

	attach_and_detach(
		&vblk,
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vblk0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"vblk0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"vblk0\"}},\"server\":true,\"wait\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-blk-pci\",\"id\":\"vblk0\","
		"\"bus\":\"rp0\",\"chardev\":\"vblk0-chr\"}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"vblk0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":6,\"arguments\":{\"id\":\"vblk0-chr\"}}\n");
}
END_TEST

/* QEMU makes the socket itself. */
START_TEST(vhost_user_network)
{
	struct device vnet = { .kind = DEVICE_VHOST_NET,
			       .vhost_net = { .path = "/vhost/8", .mac = "52:54:00:12:34:56" } };
	static const char added[] =
		"{\"execute\":\"chardev-add\",\"id\":2,\"arguments\":{\"id\":\"vnet0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":\"/vhost/8\"}},\"server\":true,\"wait\":false}}}}\n"
		"{\"execute\":\"netdev_add\",\"id\":3,\"arguments\":{\"type\":\"vhost-user\",\"id\":\"vnet0\",\"chardev\":\"vnet0-chr\"}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"virtio-net-pci\",\"id\":\"vnet0\",\"bus\":\"rp0\","
		"\"netdev\":\"vnet0\",\"mac\":\"52:54:00:12:34:56\",\"romfile\":\"\"%s}}\n";
	static const char removed[] =
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"vnet0\"}}\n"
		"{\"execute\":\"netdev_del\",\"id\":6,\"arguments\":{\"id\":\"vnet0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":7,\"arguments\":{\"id\":\"vnet0-chr\"}}\n";
	char want[sizeof(added) + 16];

	snprintf(want, sizeof(want), added, "");
	attach_and_detach(&vnet, want, removed);
	vnet.vhost_net.no_msix = true;
	snprintf(want, sizeof(want), added, ",\"vectors\":0");
	attach_and_detach(&vnet, want, removed);
}
END_TEST

START_TEST(image_file_that_grows)
{
	struct device blk = { .kind = DEVICE_BLK }, *dev = NULL;
	struct err err = { 0 };

	started("ok");
	told();
	blk.blk.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	unit_ok(devices_add(devices, &blk, &dev, &err), &err);
	attach(dev);
	until("attach");
	ck_assert_ptr_nonnull(strstr(told(),
				     "\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/1\","
				     "\"read-only\":false,\"locking\":\"auto\"}"));
	dev->blk.size = 1ULL << 40;
	unit_ok(hv->ops->grow(hv, dev, on_done, (void *)"grow", &err), &err);
	until("grow");
	saw("attach: ok\ngrow: ok\n");
	ck_assert_str_eq(told(), "{\"execute\":\"block_resize\",\"id\":5,\"arguments\":{"
				 "\"node-name\":\"blk0\",\"size\":1099511627776}}\n");
	teardown();
}
END_TEST

static void grow(const char *id, const char *want)
{
	struct err err = { 0 };

	started(id);
	told();
	unit_ok(hv->ops->set_memory(hv, 384, on_done, (void *)"memory", &err), &err);
	unit_ok(hv->ops->add_vcpu(hv, on_done, (void *)"vcpu", &err), &err);
	until("vcpu");
	saw(want);
}

START_TEST(growing)
{
	struct err err = { 0 };

	most_memory = 64 + 1024;
	grow("cpus", "memory: ok\nvcpu: ok\n");
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"qom-set\",\"id\":2,\"arguments\":{\"path\":\"/machine/peripheral/memory0\","
		"\"property\":\"requested-size\",\"value\":402653184}}\n"
		"{\"execute\":\"query-hotpluggable-cpus\",\"id\":3}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"socket-id\":1,\"core-id\":0,\"driver\":\"t-cpu\","
		"\"id\":\"vcpu1\"}}\n");
	unit_fails(hv->ops->set_memory(hv, 1025, on_done, NULL, &err), ENOSPC, &err,
		   "cannot grow by 1025 MiB");
	teardown();
	/* A reply that is no list, and refusals */
	grow("ok", "memory: ok\nvcpu: the virtual machine has all of its processors\n");
	teardown();
	grow("cpus qom-set", "memory: qom-set: qom-set is refused\nvcpu: ok\n");
	teardown();
	grow("cpus device_add", "memory: ok\nvcpu: device_add: device_add is refused\n");
	teardown();
}
END_TEST

START_TEST(vfio)
{
	struct device dev = { .kind = DEVICE_VFIO, .vfio = { "0000:01:00.0" } };

	attach_and_detach(
		&dev,
		"{\"execute\":\"device_add\",\"id\":2,\"arguments\":{\"driver\":\"vfio-pci\",\"id\":\"vfio0\","
		"\"bus\":\"rp0\",\"host\":\"0000:01:00.0\",\"rombar\":0}}\n",
		"{\"execute\":\"device_del\",\"id\":3,\"arguments\":{\"id\":\"vfio0\"}}\n");
}
END_TEST

/* Each step refused: what was done before is undone in reverse. */
static const struct {
	const char *id, *error, *last;
} undo_cases[] = {
	{ "getfd", "attach: getfd: getfd is refused\n", "\"getfd\"" },
	{ "chardev-add", "attach: chardev-add: chardev-add is refused\n", "\"closefd\"" },
	{ "device_add", "attach: device_add: device_add is refused\n",
	  "\"chardev-remove\" \"closefd\"" },
	/* Undoing fails, too: the first error counts and the rest is still undone. */
	{ "device_add,chardev-remove", "attach: device_add: device_add is refused\n",
	  "\"chardev-remove\" \"closefd\"" },
};

START_TEST(undo)
{
	struct device *dev;
	char *last, *rest = NULL;
	const char *all;

	started(undo_cases[_i].id);
	told();
	dev = an_fs("moat");
	attach(dev);
	resume();
	until("resume");
	ck_assert(str_has_prefix(journal.data, undo_cases[_i].error));
	buf_reset(&journal);
	all = told();
	last = strdup(undo_cases[_i].last);
	for (char *w = strtok_r(last, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		all = strstr(all, w);
		ck_assert_msg(all != NULL, "no %s", w);
	}
	ck_assert_ptr_nonnull(strstr(all, "\"cont\""));
	free(last);
	teardown();
}
END_TEST

static const struct {
	const char *id, *journal;
} detach_cases[] = {
	{ "ok", "detach: ok\n" },
	{ "early", "detach: ok\n" },
	{ "kept", "detach: the guest does not release device fs0\n" },
	{ "device_del", "detach: device_del: device_del is refused\n" },
	{ "device_del,not-there", "detach: ok\n" }, /* the guest has ejected it by itself */
	{ "chardev-remove", "detach: chardev-remove: chardev-remove is refused\n" },
};

START_TEST(detaching)
{
	struct device *dev;

	started(detach_cases[_i].id);
	dev = an_fs("moat");
	attach(dev);
	detach(dev);
	until("detach");
	ck_assert(str_has_prefix(journal.data, "attach: ok\n"));
	ck_assert_str_eq(journal.data + strlen("attach: ok\n"), detach_cases[_i].journal);
	teardown();
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, attach_detach);
	tcase_add_test(tcase, vsock);
	tcase_add_test(tcase, disks);
	tcase_add_test(tcase, vhost_user_that_comes_back);
	tcase_add_test(tcase, vhost_user_network);
	tcase_add_test(tcase, networks);
	tcase_add_test(tcase, image_file_that_grows);
	tcase_add_test(tcase, vfio);
	tcase_add_test(tcase, growing);
	tcase_add_loop_test(tcase, undo, 0, ARRAY_SIZE(undo_cases));
	tcase_add_loop_test(tcase, detaching, 0, ARRAY_SIZE(detach_cases));
}

int main(int argc, char **argv)
{
	return qemu_main(argc, argv, "qemu_devices", add);
}
