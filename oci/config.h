/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json as a struct (OCI runtime-spec 1.2, config.md and
 * config-linux.md). Decoded by field tables, one file a section; strings and
 * arrays are owned by the struct. Numbers are as in the specification.
 * Optional numbers have a has_ flag beside them.
 */
#ifndef MOAT_OCI_CONFIG_H
#define MOAT_OCI_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/resources.h"

struct oci_user {
	uint32_t uid, gid;
	uint32_t umask;
	bool has_umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
	char *username; /* Windows only; ignored */
};

struct oci_rlimit {
	char *type; /* "RLIMIT_NOFILE" */
	uint64_t soft, hard; /* UINT64_MAX: infinity */
};

struct oci_caps {
	char **bounding, **effective, **inheritable, **permitted,
		**ambient; /* "CAP_CHOWN"; NULL: empty set */
};

struct oci_console_size {
	uint32_t height, width;
};

struct oci_scheduler {
	char *policy;
	int32_t nice, priority;
	char **flags;
	uint64_t runtime, deadline, period;
};

struct oci_io_priority {
	char *class_;
	int32_t priority;
};

struct oci_cpu_affinity {
	char *initial, *final; /* "0-3,7"; NULL or "": as it is */
};

struct oci_process {
	bool terminal;
	struct oci_console_size *console_size; /* NULL: not given */
	struct oci_user user;
	char **args;
	char **env;
	char *cwd;
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	struct oci_caps *capabilities; /* NULL: not given, no capability at all */
	bool no_new_privileges;
	int32_t oom_score_adj;
	bool has_oom_score_adj;
	char *apparmor_profile, *selinux_label;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	struct oci_cpu_affinity *exec_cpu_affinity; /* of an exec only */
};

struct oci_id_map {
	uint32_t container_id, host_id, size;
};

struct oci_mount {
	char *destination; /* absolute and lexically clean after decoding */
	char *type, *source;
	char **options; /* never NULL after decoding */
	struct oci_id_map *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
};

struct oci_namespace {
	char *type; /* pid network mount ipc uts user cgroup time */
	char *path; /* NULL: a new one */
};

struct oci_device {
	char *type, *path;
	int64_t major, minor;
	uint32_t file_mode, uid, gid;
	bool has_file_mode, has_uid, has_gid;
};

struct oci_hook {
	char *path;
	char **args, **env;
	int32_t timeout; /* seconds */
	bool has_timeout;
};

struct oci_hooks {
	struct oci_hook *prestart, *create_runtime, *create_container, *start_container, *poststart,
		*poststop;
	size_t n_prestart, n_create_runtime, n_create_container, n_start_container, n_poststart,
		n_poststop;
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two; /* with SCMP_CMP_MASKED_EQ: mask, value */
	char *op;
};

struct oci_syscall {
	char **names;
	char *action;
	uint32_t errno_ret;
	bool has_errno_ret;
	struct oci_seccomp_arg *args;
	size_t n_args;
};

struct oci_seccomp {
	char *default_action;
	uint32_t default_errno_ret;
	bool has_default_errno_ret;
	char **architectures, **flags; /* NULL: not given */
	char *listener_path, *listener_metadata; /* refused unless empty */
	struct oci_syscall *syscalls;
	size_t n_syscalls;
};

struct oci_personality {
	char *domain; /* "LINUX" or "LINUX32" */
	char **flags; /* none is defined */
};

struct oci_time_offset {
	int64_t secs;
	uint32_t nanosecs;
};

struct oci_time_offsets {
	struct oci_time_offset monotonic, boottime;
};

struct oci_linux {
	struct oci_id_map *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
	json_t *sysctl; /* object of strings, or NULL */
	json_t *resources; /* object, or NULL: for its devices */
	struct oci_resources *limits; /* the rest of it: oci/resources.h; NULL: not given */
	char *cgroups_path;
	struct oci_namespace *namespaces;
	size_t n_namespaces;
	struct oci_device *devices;
	size_t n_devices;
	size_t n_mounted; /* how many of them, the last ones, were bind mounts: devices/mounted.h */
	struct oci_seccomp *seccomp; /* NULL: none */
	char *rootfs_propagation;
	char **masked_paths, **readonly_paths;
	char *mount_label;
	json_t *intel_rdt; /* object, or NULL */
	struct oci_personality *personality; /* NULL: as it is */
	struct oci_time_offsets *time_offsets; /* NULL: none */
};

struct oci_root {
	char *path;
	bool readonly;
};

struct oci_config {
	char *oci_version;
	struct oci_root root;
	bool has_root;
	struct oci_process *process; /* never NULL after decoding: a document without one is refused */
	char *hostname, *domainname;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_hooks *hooks; /* NULL: none */
	json_t *annotations; /* object of strings, or NULL */
	struct oci_linux *linux_; /* never NULL after decoding */
	json_t *tree; /* the whole document as parsed */
};

/* Where warnings go: of known but not applied fields ("linux.devices is not applied yet") and of what is ignored. */
typedef void (*oci_warn_fn)(void *data, const char *msg);

#define OCI_CONFIG_MAX_BYTES ((size_t)16 << 20)

/*
 * Decodes a document and checks everything that can be judged from it alone
 * (oci_config_validate). Errors name the JSON path. *ret is the caller's.
 * warn may be NULL; it is called only for a document that is accepted.
 */
int oci_config_parse(const char *text, size_t len, oci_warn_fn warn, void *data,
		     struct oci_config **ret, struct err *err);
/* The same from a tree (a new reference is taken): how the agent gets it. */
int oci_config_from_json(json_t *tree, oci_warn_fn warn, void *data, struct oci_config **ret,
			 struct err *err);
/* Reads <bundle>/config.json: a regular file of at most OCI_CONFIG_MAX_BYTES. Messages in runc's words. */
int oci_config_load(int bundle_fd, oci_warn_fn warn, void *data, struct oci_config **ret,
		    struct err *err);
/* Only the document: a tree that nobody has looked at. */
int oci_config_read(int bundle_fd, json_t **ret, struct err *err);
void oci_config_free(struct oci_config *c);
void oci_config_freep(struct oci_config **c);

/* A process object alone (exec --process). */
int oci_process_from_json(const json_t *tree, oci_warn_fn warn, void *data,
			  struct oci_process **ret, struct err *err);
void oci_process_free(struct oci_process *p);
void oci_process_freep(struct oci_process **p);

/* Warnings about a linux.resources object that stands alone. warn may be NULL. */
void oci_warn_resources(const json_t *resources, oci_warn_fn warn, void *data);

/* The namespace entry of a type, or NULL. */
const struct oci_namespace *oci_namespace_find(const struct oci_config *c, const char *type);
/* True if the mount is a bind mount: type "bind", or an option "bind" or "rbind". */
bool oci_mount_is_bind(const struct oci_mount *m);

#endif
