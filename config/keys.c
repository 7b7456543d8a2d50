/* SPDX-License-Identifier: Apache-2.0 */
#include "config/keys.h"

#include "config/config.h"

#define ROW(section_, group, member, type_, fallback_, doc_, ...)                            \
	{                                                                                    \
		.section = section_, .key = #member, .type = CONFIG_##type_,                 \
		.offset = offsetof(struct moat_config, group.member), .fallback = fallback_, \
		.doc = doc_, __VA_ARGS__                                                     \
	}
#define QEMU(...) ROW("hypervisor.qemu", qemu, __VA_ARGS__)
#define AGENT(...) ROW("agent.moat", agent, __VA_ARGS__)
#define FACTORY(...) ROW("factory", factory, __VA_ARGS__)
#define RUNTIME(...) ROW("runtime", runtime, __VA_ARGS__)
#define RANGE(from, to) .min = (from), .max = (to)
#define WORDS(...)                     \
	.words = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}

const struct config_section config_sections[] = {
	{ "hypervisor.qemu", "The virtual machine and its devices." },
	{ "agent.moat", "The agent in the guest and the way to it." },
	{ "factory", "How virtual machines are started." },
	{ "runtime", "The runtime itself." },
	{ NULL, NULL },
};

const struct config_key config_keys[] = {
	QEMU(path, PATH, "\"\"",
	     "The QEMU program. Empty: the first of /usr/bin/qemu-system-x86_64 and /usr/libexec/qemu-kvm."),
	QEMU(kernel, PATH, "\"\"",
	     "The guest's kernel: an uncompressed ELF image with a PVH entry, or a bzImage. Empty: the one that was "
	     "installed with moat."),
	QEMU(initrd, PATH, "\"\"",
	     "The guest's initramfs, which holds the agent. Empty: the one that was installed with moat."),
	QEMU(machine_type, STR, "\"q35\"",
	     "QEMU's machine: \"q35\" can do everything; \"microvm\" boots faster, but devices cannot be plugged in "
	     "as quickly.",
	     WORDS("q35", "microvm")),
	QEMU(accelerator, STR, "\"auto\"",
	     "\"kvm\" runs the guest on the processor's virtualization, \"tcg\" translates its code in software, which is "
	     "slow and no security boundary. \"auto\" takes kvm where it really works.",
	     WORDS("auto", "kvm", "tcg")),
	QEMU(kernel_params, STR, "\"\"",
	     "Words that are appended to the guest kernel's command line.", .max = 1024),
	QEMU(default_vcpus, INT, "1",
	     "Virtual processors of a VM, at least. Those of a TCG older than QEMU 8.1 share a thread of the host: with one each, the guest's kernel "
	     "now and then meets code that it has patched as it was before.",
	     RANGE(1, 240)),
	QEMU(default_maxvcpus, INT, "0",
	     "Virtual processors of a VM, at most, if the limits of its containers ask for more than default_vcpus: see "
	     "SIZE. 0: as many as the host has, but not more than 32; each costs every guest a little memory.",
	     RANGE(0, 240)),
	QEMU(default_memory, INT, "256",
	     "Memory of a VM in MiB, for the guest itself and for containers without a limit; limits are added to it: see SIZE. "
	     "For busybox 72 are enough with Debian's kernel and 40 with the one of make guest-kernel; in "
	     "32 neither boots, another kernel may.",
	     RANGE(32, 16 * 1024 * 1024)),
	QEMU(default_maxmemory, INT, "0",
	     "Memory of a VM in MiB, at most, if its containers' limits ask for more than default_memory: see SIZE. 0: as much as "
	     "the host has, but not more than 512 GiB. The value of default_memory: a VM that is there never grows.",
	     RANGE(0, 16 * 1024 * 1024)),
	QEMU(overhead_memory, INT, "256",
	     "What a VM's host processes need beside the guest's memory, in MiB: QEMU, virtiofsd, monitor. It is added to the VM's "
	     "size where a container's memory limit is set in the host's cgroup: see CGROUPS.",
	     RANGE(64, 65536)),
	QEMU(memory_slots, INT, "10",
	     "Accepted: memory is added with virtio-mem, as often as need be, which takes no slots.",
	     RANGE(0, 256), .unused = "virtio-mem has no slots"),
	QEMU(cpu_model, STR, "\"\"",
	     "QEMU's processor model and its properties, for example \"host,pmu=off\". Empty: all that the "
	     "accelerator offers.",
	     .max = 1024),
	QEMU(firmware, PATH, "\"\"",
	     "The machine's firmware. Empty: the one that QEMU brings along."),
	QEMU(pcie_root_port, INT, "4",
	     "PCIe root ports of a q35 machine. Each device needs one, the shared file system too.",
	     RANGE(1, 16)),
	QEMU(shared_fs, STR, "\"virtio-fs\"",
	     "How the container's root file system and bind mounts reach the guest. \"none\": not at all, for containers whose root "
	     "file system is a device of its own and whose mounts are volumes or the guest's. Kata's \"virtio-9p\" is refused: there QEMU "
	     "opens the files itself, and here it has no rights to any.",
	     WORDS("virtio-fs", "none"), .refused = "virtio-9p",
	     .why = "QEMU would open the files itself, and it runs without rights to any, and Debian's kernel for cloud guests "
		    "has no 9p: use virtio-fs"),
	QEMU(virtio_fs_daemon, PATH, "\"\"",
	     "The virtiofsd program, QEMU's own or the one written in Rust. Empty: the first of "
	     "/usr/libexec/virtiofsd, /usr/lib/qemu/virtiofsd and /usr/lib/virtiofsd."),
	QEMU(virtio_fs_extra_args, STRV, "[]",
	     "More arguments for virtiofsd, for example [\"--thread-pool-size=1\"]."),
	QEMU(virtio_fs_cache, STR, "\"auto\"",
	     "What the guest caches of shared files. \"never\": every change on the host is seen at once; \"auto\": "
	     "metadata for a second; \"always\": the host must not change anything; \"metadata\": no file contents.",
	     WORDS("auto", "never", "always", "metadata")),
	QEMU(enable_hugepages, BOOL, "false",
	     "Back the guest's memory with huge pages, which must have been reserved."),
	QEMU(enable_iommu, BOOL, "false",
	     "Give the VM an IOMMU of its own (Intel's), which vfio_mode \"vfio\" needs. The machine type must be q35."),
	QEMU(reclaim_guest_freed_memory, BOOL, "true",
	     "Give memory that the guest has freed back to the host, in blocks of 2 MiB after about two seconds."),
	QEMU(disable_block_device_use, BOOL, "false",
	     "Share the files of a root file system that is a whole block device of its own (device-mapper, loop) as those of any "
	     "other, instead of unmounting it and giving the device to the VM."),
	QEMU(disable_vhost_net, BOOL, "false",
	     "Let QEMU move the packets of network interfaces itself. Otherwise the host's kernel does, where there are /dev/vhost-net and "
	     "kvm: faster, with more of the kernel within reach of the guest."),
	QEMU(enable_vhost_user_store, BOOL, "false",
	     "Take block devices with major 241 (vhost-user-blk) and 242 (vhost-user-scsi) for devices of SPDK and the "
	     "like, to be found below vhost_user_store_path."),
	QEMU(vhost_user_store_path, PATH, "\"/var/run/kata-containers/vhost-user\"",
	     "The directory with block/devices/NAME, a block node, and block/sockets/NAME for each vhost-user device."),
	QEMU(vhost_user_net_path, PATH, "\"\"",
	     "The directory with vhostuser_ADDRESS/vhu.sock, where a vhost-user switch (OVS with DPDK, VPP) listens for the interface with "
	     "that address in the container's network namespace. Kata Containers looks in /tmp. Empty: there are none."),
	QEMU(vhost_user_reconnect_timeout_sec, INT, "0",
	     "Seconds between attempts to connect again to a vhost-user target that has gone; until it is back the guest's I/O "
	     "waits. 0: no attempt, it waits for ever.",
	     RANGE(0, 3600)),
	QEMU(enable_debug, BOOL, "false",
	     "Log what is sent to QEMU and what the guest's kernel says."),

	AGENT(channel, STR, "\"auto\"",
	      "The way to the agent: a \"virtio-serial\" port or a \"vsock\" connection. \"auto\" takes vsock where the "
	      "host has /dev/vhost-vsock and the VM does not start from a template, which has a port already.",
	      WORDS("auto", "virtio-serial", "vsock")),
	AGENT(boot_timeout, INT, "60",
	      "Seconds until the agent must have answered; it may also take as long to make a container. "
	      "A busy host without kvm takes long.",
	      RANGE(1, 3600)),
	AGENT(enable_debug, BOOL, "false", "Let the agent log what it does to the guest's console."),

	FACTORY(enable_template, BOOL, "true",
		"Boot a VM once, save it, and start all others from that. The guests' kernels then have the same "
		"address layout; their random numbers are their own. The machine type must be q35."),
	FACTORY(template_path, PATH, "\"\"",
		"The directory in whose @templates the saved VMs are, and in whose @spares those that wait. Empty: /run/moat for "
		"every --root below /run, so that all callers share them; any other --root has its own."),
	FACTORY(vm_cache_number, INT, "0",
		"VMs that are kept started, with an agent that waits, ahead of their use: a container then starts in half of the "
		"time, or less. Each takes the memory of an idle VM. Needs enable_template.",
		RANGE(0, 64)),

	RUNTIME(hypervisor, STR, "\"qemu\"",
		"What runs the VMs. \"fake\" starts none and is for tests.", WORDS("qemu", "fake")),
	RUNTIME(internetworking_model, STR, "\"tcfilter\"",
		"How a VM is connected to the network namespace that its caller has prepared: \"tcfilter\" puts a tap beside each "
		"interface and redirects packets both ways; \"macvtap\" puts a macvtap on it, which takes all of its packets; \"none\" leaves "
		"the interfaces alone and the guest with its loopback.",
		WORDS("tcfilter", "macvtap", "none")),
	RUNTIME(direct_volume_path, PATH, "\"/run/kata-containers/shared/direct-volumes\"",
		"The directory in which direct volumes are registered, by moat volume or by a CSI driver. It and all above it must be "
		"root's."),
	RUNTIME(vfio_mode, STR, "\"guest-kernel\"",
		"What becomes of a VFIO device in the guest: \"guest-kernel\" leaves it to the driver of the guest's kernel. "
		"\"vfio\" binds it to the guest's vfio-pci and gives the container /dev/vfio/GROUP, with the guest's number of the group, "
		"for DPDK and the like; needs enable_iommu. Volumes are mounted by the guest's kernel either way.",
		WORDS("guest-kernel", "vfio")),
	RUNTIME(sandbox_cgroup_only, BOOL, "true",
		"Set the limits of linux.resources in the host's cgroup too, with room for the VM, beside those that the guest's cgroup "
		"applies: see CGROUPS. All host processes are in the container's cgroup either way."),
	RUNTIME(privileged_without_host_devices, BOOL, "true",
		"Of a container that may use all devices (docker and podman run --privileged), leave out the entries of linux.devices "
		"that the host has by the same path: callers list all of the host's. The guest's own, such as /dev/fuse, stay, and so does what "
		"has another path in the container. With false each becomes hardware of the VM or is refused."),
	RUNTIME(monitor_log_limit, INT, "256",
		"The most that is kept of what a VM's monitor, QEMU and virtiofsd say, in KiB.",
		RANGE(4, 65536)),
	RUNTIME(console_log_limit, INT, "256",
		"The most that is kept of what a guest writes to its console, in KiB.",
		RANGE(4, 65536)),
	RUNTIME(enable_debug, BOOL, "false", "Log as with --debug."),
	{ .key = NULL },
};
