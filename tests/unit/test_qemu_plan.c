/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's command line, and what a description of the VM may not contain. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "hypervisor/machine.h"
#include "hypervisor/qemu_plan.h"

static struct hv_config base(void)
{
	return (struct hv_config){
		.id = "c1",
		.path = "/usr/bin/qemu-system-x86_64",
		.machine = "q35",
		.accel = "tcg",
		.kernel = "/vm/kernel",
		.initrd = "/vm/initrd",
		.cmdline = "console=ttyS0 quiet",
		.firmware = "/fw.rom",
		.memory = 256,
		.vcpus = 2,
		.shared_memory = true,
		.ports = 2,
	};
}

static char **plan(const struct hv_config *cfg)
{
	struct err err = { 0 };
	char **argv = NULL;

	unit_ok(qemu_plan(cfg, &argv, &err), &err);
	return argv;
}

/* The nth value (from 0) of an option, or NULL. */
static const char *value(char **argv, const char *option, int n)
{
	for (size_t i = 1; argv[i]; i++)
		if (strcmp(argv[i], option) == 0 && n-- == 0)
			return argv[i + 1];
	return NULL;
}

static bool has(char **argv, const char *option)
{
	for (size_t i = 1; argv[i]; i++)
		if (strcmp(argv[i], option) == 0)
			return true;
	return false;
}

/* True if one of the option's values begins so. */
static bool has_value(char **argv, const char *option, const char *prefix)
{
	const char *v;

	for (int n = 0; (v = value(argv, option, n)); n++)
		if (str_has_prefix(v, prefix))
			return true;
	return false;
}

static const char q35[] = "q35,usb=off,vmport=off,smbus=off,sata=off,hpet=off,smm=off,graphics=off,"
			  "dump-guest-core=off,mem-merge=off,memory-backend=m0";

START_TEST(complete)
{
	static const char *const want[] = {
		"/usr/bin/qemu-system-x86_64",
		"-name",
		"guest=c1",
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-S",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine",
		q35,
		"-accel",
		"tcg,thread=multi,tb-size=64",
		"-cpu",
		"max,-erms",
		"-smp",
		"2",
		"-m",
		"256M",
		"-object",
		"memory-backend-memfd,id=m0,size=256M,share=on",
		"-bios",
		"/fw.rom",
		"-kernel",
		"/vm/kernel",
		"-initrd",
		"/vm/initrd",
		"-append",
		"console=ttyS0 quiet",
		"-chardev",
		"socket,id=qmp,fd=3",
		"-mon",
		"chardev=qmp,mode=control",
		"-chardev",
		"socket,id=console,fd=4",
		"-serial",
		"chardev:console",
		"-device",
		"virtio-serial-pci,id=serial0,max_ports=2,disable-legacy=on",
		"-chardev",
		"socket,id=agent,fd=5",
		"-device",
		"virtserialport,bus=serial0.0,nr=1,chardev=agent,id=agent,name=moat.agent",
		"-device",
		"pcie-root-port,id=rp0,bus=pcie.0,addr=0x4,chassis=1,slot=1",
		"-device",
		"pcie-root-port,id=rp1,bus=pcie.0,addr=0x5,chassis=2,slot=2",
	};
	struct hv_config cfg = base();
	_strv_ char **argv = plan(&cfg);

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_ptr_nonnull(argv[i]);
		ck_assert_str_eq(argv[i], want[i]);
	}
	ck_assert_ptr_null(argv[ARRAY_SIZE(want)]);
}
END_TEST

START_TEST(variants)
{
	struct hv_config cfg = base();
	char **argv;

	cfg.one_thread = true;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-accel", 0), "tcg,thread=single,tb-size=64");
	strv_free(argv);
	cfg.one_thread = false;

	cfg.machine = "microvm";
	cfg.accel = "kvm";
	cfg.initrd = NULL;
	cfg.cmdline = NULL;
	cfg.ports = 0;
	argv = plan(&cfg);
	ck_assert(str_has_prefix(value(argv, "-machine", 0), "microvm,pcie=on,"));
	ck_assert_str_eq(value(argv, "-accel", 0), "kvm");
	ck_assert_str_eq(value(argv, "-cpu", 0), "host");
	ck_assert(!has(argv, "-initrd"));
	ck_assert(!has(argv, "-append"));
	ck_assert(!has_value(argv, "-device", "pcie-root-port"));
	strv_free(argv);

	cfg = base();
	cfg.cpu = "EPYC,-avx2";
	cfg.debug = true;
	cfg.hugepages = true;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-cpu", 0), "EPYC,-avx2");
	ck_assert_str_eq(value(argv, "-name", 0), "guest=c1,debug-threads=on");
	ck_assert_str_eq(value(argv, "-object", 0),
			 "memory-backend-memfd,id=m0,size=256M,share=on,hugetlb=on");
	ck_assert(qemu_uses_memfd(&cfg));
	strv_free(argv);

	cfg.shared_memory = false;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-object", 0),
			 "memory-backend-memfd,id=m0,size=256M,share=off,hugetlb=on");
	strv_free(argv);

	cfg.hugepages = false;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-object", 0), "memory-backend-ram,id=m0,size=256M,share=off");
	ck_assert(!qemu_uses_memfd(&cfg));
	strv_free(argv);
}
END_TEST

/* What can be added to it while it runs. */
START_TEST(growing)
{
	struct hv_config cfg = base();
	char **argv;

	cfg.max_memory = 4352;
	cfg.max_vcpus = 8;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-smp", 0), "2,sockets=8,cores=1,threads=1,maxcpus=8");
	ck_assert_str_eq(value(argv, "-m", 0), "256M,maxmem=4352M");
	ck_assert_str_eq(value(argv, "-object", 1),
			 "memory-backend-memfd,id=m1,size=4096M,share=on,reserve=off");
	ck_assert(has_value(argv, "-device", "virtio-mem-pci,id=memory0,memdev=m1,requested-size=0"));
	ck_assert_uint_eq(qemu_memory_room(&cfg), 4096);
	strv_free(argv);

	cfg.shared_memory = false;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-object", 1),
			 "memory-backend-memfd,id=m1,size=4096M,share=off,reserve=off");
	strv_free(argv);

	cfg = base();
	cfg.max_memory = cfg.memory;
	cfg.max_vcpus = cfg.vcpus;
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-smp", 0), "2");
	ck_assert_str_eq(value(argv, "-m", 0), "256M");
	ck_assert(!has_value(argv, "-device", "virtio-mem"));
	strv_free(argv);
}
END_TEST

/* The agent comes by vsock: a device that is attached later. */
START_TEST(vsock)
{
	struct hv_config cfg = base();
	char **argv;

	cfg.vsock_cid = 5;
	argv = plan(&cfg);
	ck_assert(!has_value(argv, "-device", "virtio-serial"));
	ck_assert(!has_value(argv, "-device", "virtserialport"));
	ck_assert(!has_value(argv, "-chardev", "socket,id=agent"));
	strv_free(argv);
}
END_TEST

/* What is no list is passed as it is; what is one has its commas doubled. */
START_TEST(odd_names)
{
	struct hv_config cfg = base();
	char **argv;

	cfg.id = "a,b=c,,d";
	cfg.kernel = "/my, kernels/a=b,readonly=on/\"vm linux\"";
	cfg.initrd = "/-initrd,x";
	cfg.firmware = "/bios,x";
	cfg.cmdline = "a=1,2 b=\"c d\" -kernel /etc/passwd";
	argv = plan(&cfg);
	ck_assert_str_eq(value(argv, "-name", 0), "guest=a,,b=c,,,,d");
	ck_assert_str_eq(value(argv, "-kernel", 0), cfg.kernel);
	ck_assert_str_eq(value(argv, "-initrd", 0), cfg.initrd);
	ck_assert_str_eq(value(argv, "-bios", 0), cfg.firmware);
	ck_assert_str_eq(value(argv, "-append", 0), cfg.cmdline);
	strv_free(argv);
}
END_TEST

START_TEST(ports_are_unique)
{
	struct hv_config cfg = base();
	char want[100];
	char **argv;

	cfg.ports = QEMU_MAX_PORTS;
	argv = plan(&cfg);
	for (uint32_t i = 0; i < cfg.ports; i++) {
		snprintf(want, sizeof(want),
			 "pcie-root-port,id=rp%u,bus=pcie.0,addr=0x%x,chassis=%u,slot=%u", i, i + 4,
			 i + 1, i + 1);
		ck_assert_str_eq(value(argv, "-device", (int)i + 2), want);
	}
	strv_free(argv);
}
END_TEST

START_TEST(iommu)
{
	struct hv_config cfg = base();
	char **argv = plan(&cfg);

	ck_assert(!has_value(argv, "-device", "intel-iommu"));
	ck_assert_ptr_null(strstr(value(argv, "-machine", 0), "irqchip"));
	strv_free(argv);
	cfg.iommu = true;
	argv = plan(&cfg);
	/* The first of all devices */
	ck_assert_str_eq(value(argv, "-device", 0), "intel-iommu,intremap=on,caching-mode=on");
	ck_assert(str_has_suffix(value(argv, "-machine", 0), ",kernel-irqchip=split"));
	strv_free(argv);
}
END_TEST

static void refused(const struct hv_config *cfg, const char *text)
{
	struct err err = { 0 };
	char **argv = NULL;

	unit_fails(qemu_plan(cfg, &argv, &err), EINVAL, &err, text);
	ck_assert_ptr_null(argv);
}

#define REFUSED(member, bad, text)              \
	do {                                    \
		struct hv_config cfg_ = base(); \
                                                \
		cfg_.member = (bad);            \
		refused(&cfg_, text);           \
	} while (0)

START_TEST(refusals)
{
	char line[QEMU_MAX_CMDLINE + 2];
	struct hv_config cfg = base();

	REFUSED(id, NULL, "bad id");
	REFUSED(id, "", "bad id");
	REFUSED(id, "a\nb", "bad id");
	REFUSED(path, NULL, "path is missing");
	REFUSED(path, "qemu", "path 'qemu' is not an absolute path");
	REFUSED(machine, NULL, "machine type ''");
	REFUSED(machine, "pc", "machine type 'pc' is not one of q35, microvm");
	REFUSED(machine, "q35,accel=kvm", "machine type");
	REFUSED(accel, "auto", "accelerator 'auto'");
	REFUSED(accel, NULL, "accelerator ''");
	REFUSED(kernel, NULL, "kernel is missing");
	REFUSED(kernel, "vmlinux", "kernel 'vmlinux' is not an absolute path");
	REFUSED(initrd, "-S", "initrd '-S' is not an absolute path");
	REFUSED(firmware, "x.rom", "firmware 'x.rom'");
	REFUSED(cpu, "", "cpu model");
	REFUSED(cpu, "max\n", "cpu model");
	REFUSED(memory, 0, "memory is 0");
	cfg.iommu = true;
	cfg.machine = "microvm";
	refused(&cfg, "only a q35 machine has an IOMMU");
	cfg = base();
	REFUSED(uid, (uid_t)-1, "uid or gid is -1");
	REFUSED(gid, (gid_t)-1, "uid or gid is -1");
	REFUSED(vcpus, 0, "0 vcpus");
	REFUSED(vcpus, QEMU_MAX_VCPUS + 1, "241 vcpus");
	REFUSED(max_vcpus, QEMU_MAX_VCPUS + 1, "up to 241 vcpus");
	cfg.max_memory = 512;
	cfg.hugepages = true;
	refused(&cfg, "memory can only be added to a q35 machine without hugepages");
	cfg.hugepages = false;
	cfg.machine = "microvm";
	refused(&cfg, "memory can only be added");
	cfg = base();
	REFUSED(ports, QEMU_MAX_PORTS + 1, "25 pcie root ports are more than 24");
	REFUSED(cmdline, "a\nb", "control character");
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	REFUSED(cmdline, line, "kernel command line of 2048 bytes is longer than 2047");
	line[sizeof(line) - 2] = '\0';
	cfg.cmdline = line;
	strv_free(plan(&cfg));
}
END_TEST

START_TEST(machines)
{
	ck_assert_str_eq(hv_machine_cmdline("q35"), "");
	ck_assert_ptr_nonnull(strstr(hv_machine_cmdline("microvm"), "pcie_ports=native"));
	ck_assert_ptr_null(hv_machine_cmdline("pc"));
	ck_assert_ptr_null(hv_machine_cmdline(""));
}
END_TEST

/* What a dry run shows. */
START_TEST(describe)
{
	struct hv_config cfg = base();
	struct hv *hv = NULL;
	struct loop *loop;
	struct err err = { 0 };
	_json_ json_t *d = NULL;

	cfg.uid = 1879048195;
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(hv_qemu_ops.create(&cfg, loop, NULL, NULL, &hv, &err), &err);
	d = hv_qemu_ops.describe(hv);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(d, "argv"), 0)), cfg.path);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(d, "argv"), 2)),
			 "guest=c1");
	ck_assert_str_eq(js_get_str(json_object_get(d, "descriptors"), "5"), "agent");
	ck_assert_int_eq(js_get_int(d, "uid", 0), 1879048195);
	ck_assert_int_eq(hv_qemu_ops.pid(hv), 0);
	ck_assert_int_lt(hv_qemu_ops.channel(hv), 0);
	ck_assert_int_lt(hv_qemu_ops.quit(hv, NULL), 0);
	ck_assert_int_lt(hv_qemu_ops.resume(hv, NULL, NULL, NULL), 0);
	hv_qemu_ops.destroy(hv);
	hv_qemu_ops.destroy(NULL);
	loop_free(loop);
}
END_TEST

START_TEST(backends)
{
	ck_assert_ptr_eq(hv_find("qemu"), &hv_qemu_ops);
	ck_assert_ptr_eq(hv_find("fake"), &hv_fake_ops);
	ck_assert_ptr_null(hv_find("qemu "));
	ck_assert_ptr_null(hv_find(""));
}
END_TEST

UNIT_MAIN("qemu_plan", complete, variants, growing, vsock, odd_names, ports_are_unique, refusals,
	  machines, describe, backends, iommu)
