/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's configuration, /etc/moat/configuration.toml, with the names
 * that Kata Containers uses. One table of keys (keys.c) is what decoding, error messages,
 * the sample file and the manual page are made from. Without a file every key
 * has its default; no environment variable has a say.
 *
 * Strings are never NULL and owned by the struct. "" means that the user of the value decides,
 * where the table's text says so; path, virtio_fs_daemon, kernel and initrd are filled in by
 * config_load(). Sizes have their unit in the comment.
 */
#ifndef MOAT_CONFIG_CONFIG_H
#define MOAT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define CONFIG_FILE "/etc/moat/configuration.toml"
#define CONFIG_MAX_BYTES 1048576

struct config_qemu {
	char *path; /* QEMU */
	char *kernel, *initrd;
	char *machine_type; /* "q35", "microvm" */
	char *accelerator; /* "auto", "kvm", "tcg" */
	char *kernel_params; /* appended to ours */
	char *cpu_model; /* "": the accelerator's best */
	char *firmware; /* "": QEMU's own */
	uint32_t default_vcpus;
	uint32_t default_maxvcpus; /* 0: the host's */
	uint32_t default_memory; /* MiB */
	uint32_t default_maxmemory; /* MiB; 0: the host's */
	uint32_t overhead_memory; /* MiB of the host beside the guest's memory */
	uint32_t memory_slots; /* of no use: accepted with whatever files say */
	uint32_t pcie_root_port; /* ports */
	char *shared_fs; /* "virtio-fs", "none" */
	char *virtio_fs_daemon;
	char **virtio_fs_extra_args; /* never NULL */
	char *virtio_fs_cache; /* "auto", "never", "always", "metadata" */
	bool enable_hugepages;
	bool enable_iommu;
	bool reclaim_guest_freed_memory;
	bool enable_vhost_user_store;
	char *vhost_user_store_path;
	char *vhost_user_net_path;
	bool disable_block_device_use;
	bool disable_vhost_net;
	uint32_t vhost_user_reconnect_timeout_sec;
	bool enable_debug;
};

struct config_agent {
	char *channel; /* "auto", "virtio-serial", "vsock" */
	uint32_t boot_timeout; /* seconds */
	bool enable_debug;
};

struct config_factory {
	bool enable_template;
	char *template_path; /* "": see factory_path() */
	uint32_t vm_cache_number; /* VMs kept started */
};

struct config_runtime {
	char *hypervisor; /* "qemu", "fake" */
	char *internetworking_model; /* "tcfilter", "macvtap", "none" */
	char *direct_volume_path;
	char *vfio_mode; /* "guest-kernel", "vfio" */
	bool privileged_without_host_devices;
	bool sandbox_cgroup_only;
	uint32_t monitor_log_limit; /* KiB */
	uint32_t console_log_limit; /* KiB */
	bool enable_debug;
};

struct moat_config {
	char *source; /* the file, or NULL: defaults only */
	struct config_qemu qemu;
	struct config_agent agent;
	struct config_factory factory;
	struct config_runtime runtime;
};

/*
 * Reads path, or with NULL CONFIG_FILE if that exists. The file must be a
 * regular file of root's (or of the effective user's) that nobody else can write to. Keys that do
 * not do anything yet are reported with log_warn(). *ret is untouched on failure.
 */
int config_load(const char *path, struct moat_config *ret, struct err *err);
/* The same for text in memory; name stands for the file in messages. Fills in no paths. */
int config_parse(const char *name, const char *text, size_t len, struct moat_config *ret,
		 struct err *err);
void config_done(struct moat_config *c);

/* A commented file with every key at its default. */
void config_write_sample(struct buf *out);
/* The keys as roff (man macros), for the manual page. */
void config_write_man_keys(struct buf *out);

#endif
