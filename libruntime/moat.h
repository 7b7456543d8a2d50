/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmoat: containers in virtual machines.
 *
 * A sandbox is a virtual machine; containers live in it. A description (struct moat_spec) says what a container is to
 * be: a root file system, a program, mounts, devices, limits. It is made with setters, or from an OCI bundle; the rest
 * of the library does not care which. Sandboxes and containers are named by ids and kept in a state directory, not in
 * this process: another process, the command moat(8) too, works on the same ones, and they go on when the process
 * ends.
 *
 *	cc program.c $(pkg-config --cflags --libs moat)
 *
 * Errors      A function returns 0 (or what it says) or a negative errno. Then *err, which may be NULL, has the same
 *             number, positive, and one line for a person, which names the file, field or option; command-line options
 *             of moat(8) in it stand for the setters here. After a success it may hold anything. What every function
 *             may return: -ENOMEM; -EINVAL for an argument, a description or a configuration that is wrong; -ENOENT
 *             for an id or a file that does not exist; -EPERM and -EACCES without the rights (root is needed, and a
 *             state directory that nobody else may write to); -EIO, -EPROTO, -ECONNRESET, -ETIMEDOUT when monitor or
 *             guest fail, or do not answer in time; and whatever a system call gives. What else there is, is said with
 *             each. On failure, out-parameters are untouched and nothing that was made is left.
 * Ownership   What is passed in is copied, unless it says so. What comes out is the caller's: texts and arrays of
 *             numbers for free(3), the others for the function named with them. The _free functions take NULL, and
 *             leave errno alone.
 * Threads     Everything may be called from any number of threads at once, on one handle too, with these exceptions: a
 *             setter may not run beside anything else that has the same object; moat_set_log() and moat_set_program()
 *             are for the whole process, and come before. Functions block, up to minutes where a guest boots or is
 *             deaf. A container that two threads change at once: one waits for the other.
 * Process     The library prints nothing and never exits, and leaves working directory, umask, environment, signal
 *             handlers and limits of the process alone; only for a VFIO device does it try, for a moment, whether the
 *             hard RLIMIT_MEMLOCK may be raised. It starts child processes, so SIGCHLD comes, and it uses fork(2) and
 *             setns(2) in the calling thread. The stand-in of a process that was created or entered is a child of the
 *             calling process, and remains as a zombie until moat_wait(), moat_container_wait() or a delete: a program
 *             that waits for any child (wait(2)), or ignores SIGCHLD, takes its exit code. One whose pid namespace
 *             others share does not end before those have been waited for. The monitor of a virtual machine is a
 *             child, too; it is reaped by delete. Descriptors of the library are close-on-exec.
 * Units       Bytes, milliseconds, microseconds for CPU quotas, as the names say. A timeout below 0 is for ever.
 * ABI         Structs are opaque, or made by the library only and may grow at their end. struct moat_error is as it
 *             is.
 */
#ifndef MOAT_H
#define MOAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct moat_error {
	int code; /* positive errno; 0: none so far */
	char msg[4092];
};

/*
 * The version of the library, "0.1.0"; the commit that it was built from; the version of the OCI specification.
 * Constants.
 */
const char *moat_version(void);
const char *moat_commit(void);
const char *moat_oci_version(void);

/* ---- process-wide ---- */

enum moat_log_level { MOAT_LOG_ERROR, MOAT_LOG_WARN, MOAT_LOG_INFO, MOAT_LOG_DEBUG };

/*
 * Where messages that are no errors go: nowhere unless set. The function is called from the thread that has something
 * to say.
 */
typedef void (*moat_log_fn)(void *data, enum moat_log_level level, const char *msg);
void moat_set_log(moat_log_fn fn, void *data, enum moat_log_level most);

/*
 * The library finds moat-monitor, moat-standin and the guest's image by its own file: libmoat.so in PREFIX/lib, the others in
 * PREFIX/libexec/moat and PREFIX/share/moat. A program that is linked with libmoat.a says where the command is installed:
 * "PREFIX/bin/moat". NULL: as at first. -EINVAL: not absolute.
 */
int moat_set_program(const char *path, struct moat_error *err);

/* ---- the handle ---- */

/*
 * Where state is and how virtual machines are run. Setters copy; one that has no memory makes the functions that
 * follow say so.
 */
struct moat;
struct moat *moat_new(void); /* NULL: no memory */
void moat_free(struct moat *m);

#define MOAT_DEFAULT_ROOT "/run/moat"

/* The state directory; it is made when it is first needed. NULL: MOAT_DEFAULT_ROOT. */
void moat_set_root(struct moat *m, const char *path);
/*
 * The configuration file, moat-configuration.toml(5). It chooses by name what runs the machine ([runtime] hypervisor:
 * "qemu", or "fake", which runs none and is for tests), the way to the agent ([agent.moat] channel: "virtio-serial",
 * "vsock") and the way to the network ([runtime] internetworking_model: "tcfilter",
 * "macvtap", "none"). NULL:
 * /etc/moat/configuration.toml if that exists, else the defaults.
 */
void moat_set_configuration(struct moat *m, const char *path);
/* Log more, also in the guest; virtual machines boot then instead of starting from a template. */
void moat_set_debug(struct moat *m, bool debug);
/* linux.cgroupsPath, or moat_spec_set_cgroup(), is "slice:prefix:name", a scope that systemd makes; the host must run it. */
void moat_set_systemd_cgroup(struct moat *m, bool systemd);

/* ---- a process to be ---- */

/*
 * What is to be executed: a container's first process (moat_spec_process()), or one more in it (moat_process_new()).
 * What is not said is the description's, or the container's. A setter that fails is remembered: the function that uses
 * the process then fails.
 */
struct moat_process;
struct moat_process *moat_process_new(void); /* NULL: no memory; the others take that, and say so */
void moat_process_free(struct moat_process *p); /* only of moat_process_new() */

/* A complete process object as in OCI's config.json, in place of the container's; the other setters change it. */
void moat_process_set_json(struct moat_process *p, const char *json);
/*
 * The program, searched for in the PATH of env if without a slash, and its arguments; up to a NULL. Needed, but for a
 * bundle's.
 */
void moat_process_set_args(struct moat_process *p, const char *const *args);
void moat_process_add_env(struct moat_process *p, const char *name_value); /* "NAME=value" */
void moat_process_set_cwd(struct moat_process *p, const char *path); /* absolute */
void moat_process_set_user(struct moat_process *p, const char *user); /* "UID[:GID]" in numbers */
void moat_process_add_group(struct moat_process *p, const char *gid); /* one more, a number */
void moat_process_add_capability(struct moat_process *p, const char *name); /* "CAP_SYS_ADMIN" */
void moat_process_set_no_new_privileges(struct moat_process *p);
void moat_process_set_apparmor(struct moat_process *p, const char *profile);
void moat_process_set_selinux(struct moat_process *p, const char *label);

/*
 * Its standard streams: descriptors of the caller, -1 for /dev/null. Without this: 0, 1 and 2. They are used when the
 * process is made, and may be closed then. With a terminal they are not used.
 */
void moat_process_set_stdio(struct moat_process *p, int in, int out, int err_);
/*
 * Descriptors 3 to 3 + n - 1 of the caller, which must not be close-on-exec, are the process's too, as streams of
 * bytes; at most 30.
 */
void moat_process_set_preserve_fds(struct moat_process *p, unsigned int n);
/* Whether it has a terminal. It then needs one of the next two. */
void moat_process_set_terminal(struct moat_process *p, bool terminal);
/*
 * The slave of a pty that the caller made, with moat_terminal_new() for example, and relays. It may be closed when the
 * process is made.
 */
void moat_process_set_tty(struct moat_process *p, int slave);
/* A Unix socket to which the master of a fresh pty is sent (SCM_RIGHTS, as runc does). */
void moat_process_set_console_socket(struct moat_process *p, const char *path);
/* A file for the number that this process has on the host, written last. */
void moat_process_set_pid_file(struct moat_process *p, const char *path);
/*
 * Of one more process: a cgroup without controllers below the container's; whether a paused container is fine: it runs
 * when that is resumed.
 */
void moat_process_add_cgroup(struct moat_process *p, const char *path);
void moat_process_set_ignore_paused(struct moat_process *p);
/* Whether it is going to have a terminal, as far as its description says. */
bool moat_process_wants_terminal(const struct moat_process *p);

/* A fresh pty for a process of a guest, raw: the guest's terminal does the processing. Both ends are the caller's. */
int moat_terminal_new(int *ret_master, int *ret_slave, struct moat_error *err);
/* Its size in characters; the process gets SIGWINCH. The same as TIOCSWINSZ on the master. */
int moat_terminal_resize(int master, unsigned int rows, unsigned int columns,
			 struct moat_error *err);

/* ---- a container to be ---- */

/*
 * Begins with what `moat spec` writes: file systems of the kernel, the capabilities that runc gives, a loopback
 * network, no terminal. A root file system and a program are the caller's to set. Setters remember failures, as those
 * of a process do. It may be used again.
 */
struct moat_spec;
struct moat_spec *moat_spec_new(const char *id); /* NULL: no memory, as of a process */
/* OCI's translation: config.json of a bundle, NULL for ".". What is wrong with it is said when it is used. */
struct moat_spec *moat_spec_from_bundle(const char *id, const char *bundle);
void moat_spec_free(struct moat_spec *s);

/* Its first process; the description's. */
struct moat_process *moat_spec_process(struct moat_spec *s);
/*
 * A directory of the host, relative to the working directory; a whole block device that is mounted there becomes a
 * disk.
 */
void moat_spec_set_rootfs(struct moat_spec *s, const char *path, bool readonly);
void moat_spec_set_hostname(struct moat_spec *s, const char *name);
/*
 * As a line of fstab(5): type "bind" shares a file or directory of the host, direct volumes are found by their source.
 * Options: "ro,nosuid", NULL: none.
 */
void moat_spec_add_mount(struct moat_spec *s, const char *destination, const char *type,
			 const char *source, const char *options);
/*
 * A device of the host: a block device becomes a disk of the virtual machine, /dev/vfio/N is passed through, a
 * character device of a kind that a guest has is the guest's. path: its name in the container, NULL: the same. access:
 * of "r", "w", "m"; NULL: all.
 */
void moat_spec_add_device(struct moat_spec *s, const char *source, const char *path,
			  const char *access);

#define MOAT_OF_SANDBOX "sandbox"
/*
 * type: "network", "ipc", "uts", "pid", "mount", "cgroup". path: NULL for a new one; a network namespace of the host,
 * whose interfaces the virtual machine gets; MOAT_OF_SANDBOX for the one of the sandbox that is joined, which network,
 * ipc and uts are without this.
 */
void moat_spec_set_namespace(struct moat_spec *s, const char *type, const char *path);
/* Limits, in the guest; the virtual machine is made as large as they ask for. -1: none. */
void moat_spec_set_memory_limit(struct moat_spec *s, int64_t bytes);
void moat_spec_set_cpu_limit(struct moat_spec *s, int64_t quota_us, uint64_t period_us);
void moat_spec_set_pids_limit(struct moat_spec *s, int64_t n);
/* Where its processes on the host are: linux.cgroupsPath. Without: "/" and the id. */
void moat_spec_set_cgroup(struct moat_spec *s, const char *path);
void moat_spec_set_annotation(struct moat_spec *s, const char *key, const char *value);
/* OCI's config.json with all this, indented; -EINVAL as well for what setters have remembered. */
int moat_spec_json(const struct moat_spec *s, char **ret, struct moat_error *err);

/* ---- status ---- */

enum moat_state { MOAT_CREATING, MOAT_CREATED, MOAT_RUNNING, MOAT_PAUSED, MOAT_STOPPED };

/* OCI's words: "creating", "created", "running", "paused", "stopped". Constants. */
const char *moat_state_name(enum moat_state state);

struct moat_status {
	const char *id;
	const char *sandbox; /* the id of the sandbox that it is in; its own id if that was made for it */
	enum moat_state state;
	pid_t pid; /* of its stand-in on the host; 0 when stopped */
	const char *bundle; /* absolute; of one that has none: where its state is */
	const char *rootfs; /* absolute */
	const char *created; /* RFC 3339 */
	const char *owner; /* name of a user */
	const char *const *interfaces; /* of its network namespace, that the virtual machine has, up to a NULL */
};
void moat_status_free(struct moat_status *s);
void moat_status_list_free(struct moat_status **list);
/* OCI's state object with annotations, in one line; NULL: no memory. */
char *moat_status_json(const struct moat_status *s);

/* ---- containers ---- */

/*
 * Makes a container whose first process waits for start. sandbox NULL: a virtual machine for it alone, which is a
 * sandbox with the same id and ends with its process, unless annotations or namespaces of a bundle lead to another's.
 * *ret_pid (may be NULL) is the stand-in. -EEXIST: the id is taken. -ESRCH: the sandbox has ended, is being created or
 * does not exist. -EXDEV: namespaces and sandbox are of different ones. -ERANGE: more than the host has is asked for.
 * -ENOTSUP: something that cannot be had in a virtual machine.
 */
int moat_container_create(const struct moat *m, const char *sandbox, const struct moat_spec *s,
			  pid_t *ret_pid, struct moat_error *err);
/*
 * What that would start, as JSON: id, rootfs, sandbox (if it joins one), template, hypervisor, vm.argv, and lists of devices,
 * volumes and network interfaces, which say what each becomes. Nothing is made.
 */
int moat_container_plan(const struct moat *m, const struct moat_spec *s, char **ret,
			struct moat_error *err);
/* -EBUSY: it runs already. -ESRCH: it has ended. A startContainer hook that fails removes the container. */
int moat_container_start(const struct moat *m, const char *id, struct moat_error *err);
/*
 * Ends it: SIGTERM, and SIGKILL to all of it when timeout_ms are over; a paused one, or one not started, is killed.
 * Returns when it has ended. One that has is fine.
 */
int moat_container_stop(const struct moat *m, const char *id, int timeout_ms,
			struct moat_error *err);
/*
 * Executes one more process; returns when it runs. *ret_pid (may be NULL) is its stand-in. -ESRCH: the container does
 * not run. -EBUSY: it is paused or being created. -ENOENT, -EACCES, -ENOEXEC also: the program cannot be executed.
 */
int moat_container_enter(const struct moat *m, const char *id, const struct moat_process *p,
			 pid_t *ret_pid, struct moat_error *err);
int moat_container_status(const struct moat *m, const char *id, struct moat_status **ret,
			  struct moat_error *err);
/*
 * All of the state directory, sorted by id, up to a NULL, for moat_status_list_free(). No directory: an empty list.
 * Damaged ones are left out.
 */
int moat_container_list(const struct moat *m, struct moat_status ***ret, struct moat_error *err);
/* To its first process, or to all of it. -ESRCH: it does not run; with all, that is fine. */
int moat_container_kill(const struct moat *m, const char *id, int sig, bool all,
			struct moat_error *err);
/*
 * Everything that belongs to it. The sandbox that was made for it ends with it. -EBUSY: it runs. force: in any state,
 * half-made too; an unknown id is fine then.
 */
int moat_container_delete(const struct moat *m, const char *id, bool force, struct moat_error *err);
/* -EBUSY: not running; not paused. */
int moat_container_pause(const struct moat *m, const char *id, struct moat_error *err);
int moat_container_resume(const struct moat *m, const char *id, struct moat_error *err);
/*
 * resources: JSON as linux.resources in OCI's config.json, of which what is there is changed. -ERANGE: more than the
 * host has. -ESRCH: it does not run.
 */
int moat_container_update(const struct moat *m, const char *id, const char *resources,
			  struct moat_error *err);
/*
 * Waits for its end. *ret_code (may be NULL): exit code, 128 + n after signal n, -1 if unknown, as of a container that
 * another process has created, or that was waited for before. -ETIMEDOUT: it goes on.
 */
int moat_container_wait(const struct moat *m, const char *id, int timeout_ms, int *ret_code,
			struct moat_error *err);
/* The same for a stand-in that create or enter has returned, once. -ECHILD: no child of this process. */
int moat_wait(pid_t pid, int timeout_ms, int *ret_code, struct moat_error *err);

/*
 * Gives the virtual machine what has changed in the container's network namespace since it was last looked at: interfaces that
 * have come, with an address, are plugged in, those that are gone are unplugged, addresses, routes, static neighbours and MTU of the others
 * follow. After start a process of moat's does so by itself, a moment after each change: this waits until it is done. What
 * fails does not keep the rest from it, the first failure is returned. -ESRCH: it does not run. -ENOSPC: the machine has no port left
 * for one.
 */
int moat_container_rescan_network(const struct moat *m, const char *id, struct moat_error *err);

/*
 * Its interfaces, addresses and routes as its guest has them, as JSON: {"interfaces": [{"name", "mac", "mtu", "up",
 * "addresses": ["10.0.0.2/24"]}], "routes": [{"family": 4 or 6, "to": "10.0.0.0/24" or "default", "via", "dev",
 * "source", "metric"}]}, of routes those of the main table. The guest may say what it likes. -ESRCH: it does not run.
 */
int moat_container_network(const struct moat *m, const char *id, char **ret, struct moat_error *err);

/*
 * Plugs a device of the host into the virtual machine of a container that runs, and makes a node for it there. source:
 * a block device, or the node of the vhost-user store that names one which another process serves
 * (moat-configuration.toml(5), vhost_user_store_path). path: of the node in the container, absolute; NULL: the same as
 * source. access: of "r", "w", "m", without "w" it is read-only; NULL: all. node: JSON with fileMode, uid and gid as an
 * entry of linux.devices in OCI's config.json has them; what is not there, or NULL, is as of source. The device goes
 * with the container. -EBUSY: something on the host uses it. -EEXIST: there is something at path. -ENOSPC: the machine
 * has no port left. -ENOTSUP: it is none of these devices, or the container has a user namespace. -ESRCH: it does not
 * run.
 */
int moat_container_add_device(const struct moat *m, const char *id, const char *source,
			      const char *path, const char *access, const char *node,
			      struct moat_error *err);
/*
 * Removes the node and unplugs the device, which the host then has back. -EBUSY: somebody in the guest has it for
 * himself, mounted for example, and nothing was done; force: it is pulled nevertheless, and what has not been written
 * is lost. Who has it open only is not asked: what he does next fails. -ENOENT: there is none. -ENOTSUP: it was there
 * from the container's creation. -ETIMEDOUT: the guest does not let go of it; the next call tries again, and it goes
 * with the virtual machine at the latest.
 */
int moat_container_remove_device(const struct moat *m, const char *id, const char *path, bool force,
				 struct moat_error *err);
/*
 * JSON: an array of what linux.devices had at its creation, as it was, with "plugged": false, and of what was added
 * since, with "plugged": true, "path", "type", "kind" ("block", "vhost-user-blk", "vhost-user-scsi"), "source" (device
 * or socket), "readonly", "fileMode", "uid", "gid".
 */
int moat_container_list_devices(const struct moat *m, const char *id, char **ret,
				struct moat_error *err);

/*
 * Plugs a direct volume into the virtual machine of a container that runs, and mounts its file system there, with all
 * that moat_volume_add() has been told of it: file system and its options, group, read-only. source: the path under
 * which it is registered. destination: where, absolute and clean; what is missing of it is made. options: of the mount,
 * with commas between them ("ro,noatime"), NULL: none. The volume is the container's until it is removed from it, or
 * the container ends and is deleted: then it is released by itself. -ENOENT: source is not registered. -EBUSY: it is
 * used by another container, or its device by something on the host. -EEXIST: the container has it already, or a mount
 * at destination. -ENOSPC: the machine has no port left. -ENOTSUP: destination is below /dev (that is what
 * moat_container_add_device() is for), the volume is a PCI device, or the container has a user namespace. -ESRCH: it
 * does not run.
 */
int moat_container_add_volume(const struct moat *m, const char *id, const char *source,
			      const char *destination, const char *options, struct moat_error *err);
/*
 * Unmounts the file system, so that all is on the disk, unplugs that, and releases the volume. -EBUSY: the container
 * uses it, and nothing has changed. force: then what was written is brought to the disk, and who still uses the file
 * system gets errors. -ENOENT: there is none. -ENOTSUP: it was there from the container's creation. -ETIMEDOUT: the
 * guest does not let go of it; the next call tries again, and it goes with the virtual machine at the latest.
 */
int moat_container_remove_volume(const struct moat *m, const char *id, const char *destination,
				 bool force, struct moat_error *err);
/*
 * JSON: an array of those mounts of its creation that are volumes, as they were, with "plugged": false, and of what was
 * added since, with "plugged": true, "destination", "source", "options", "fstype", "kind" ("file", "block",
 * "vhost-user-blk"), "readonly".
 */
int moat_container_list_volumes(const struct moat *m, const char *id, char **ret,
				struct moat_error *err);

/* Its counters, as the `data` of runc's events --stats. -ESRCH: it does not run. */
int moat_container_stats(const struct moat *m, const char *id, char **ret, struct moat_error *err);
/*
 * Calls on_event with a line of JSON, as runc's events prints it, for each OOM kill and, every interval_ms, for the
 * counters (0: for these, once), until the container has ended. A negative return of on_event ends it, and is
 * returned; *err is for it to fill in.
 */
int moat_container_events(const struct moat *m, const char *id, int64_t interval_ms,
			  int (*on_event)(void *data, const char *event, struct moat_error *err),
			  void *data, struct moat_error *err);

/*
 * Counters in the text format of Prometheus, moat-metrics(8): of the virtual machine that a container lives in and of all
 * containers in it, or of all of them if id is NULL. What a guest does not answer in time is left out.
 */
int moat_metrics(const struct moat *m, const char *id, char **ret, struct moat_error *err);

/* Stand-ins of all its processes, by number. Of a stopped one there are none. */
int moat_container_pids(const struct moat *m, const char *id, pid_t **ret, size_t *ret_n,
			struct moat_error *err);

/*
 * A process in the guest, with the guest's numbers. Texts have no control characters; the guest may say what it likes.
 */
struct moat_process_info {
	int pid, ppid, session, nice, threads;
	uint32_t uid, tty; /* effective uid; device number, 0: none */
	char state; /* as in proc(5) */
	char name[64];
	char *command; /* arguments as words; "": none */
	uint64_t used, start; /* clock ticks: CPU time; moment after the guest's boot */
	uint64_t vsize, rss; /* bytes; pages */
};

struct moat_processes {
	struct moat_process_info *v; /* of this size for this soname */
	size_t n;
	uint64_t left_out; /* more than could be told */
	uint64_t uptime, ticks; /* the guest's, in ticks; ticks a second */
};
void moat_processes_free(struct moat_processes *p);
/* Of one that does not run there are none. */
int moat_container_processes(const struct moat *m, const char *id, struct moat_processes **ret,
			     struct moat_error *err);

/* ---- sandboxes ---- */

/*
 * Starts a virtual machine, prepares n containers in it, and keeps it until stop. In its status it is a container,
 * too, with that id, whose program does nothing. netns: the network namespace of the host that all in it have; NULL: a
 * loopback. Containers join later with moat_container_create(). Errors as there.
 */
int moat_sandbox_create(const struct moat *m, const char *id, const char *netns,
			const struct moat_spec *const *specs, size_t n, struct moat_error *err);
/* Starts what is created in it and has not been started. */
int moat_sandbox_start(const struct moat *m, const char *id, struct moat_error *err);
/* Both. If start fails nothing is left. */
int moat_sandbox_run(const struct moat *m, const char *id, const char *netns,
		     const struct moat_spec *const *specs, size_t n, struct moat_error *err);
/*
 * Stops its containers as moat_container_stop() does, timeout_ms for each, and then the virtual machine. Whoever wants
 * their exit codes waits for them before.
 */
int moat_sandbox_stop(const struct moat *m, const char *id, int timeout_ms, struct moat_error *err);
/* All that run; all that are paused. */
int moat_sandbox_pause(const struct moat *m, const char *id, struct moat_error *err);
int moat_sandbox_resume(const struct moat *m, const char *id, struct moat_error *err);

struct moat_sandbox_status {
	const char *id;
	enum moat_state state; /* of the virtual machine: stopped when that has ended; paused when all that runs in it is */
	struct moat_status **containers; /* up to a NULL; the sandbox itself comes first */
	size_t n;
};
void moat_sandbox_status_free(struct moat_sandbox_status *s);
void moat_sandbox_list_free(struct moat_sandbox_status **list);
int moat_sandbox_status(const struct moat *m, const char *id, struct moat_sandbox_status **ret,
			struct moat_error *err);
/* As moat_container_list(), for moat_sandbox_list_free(). */
int moat_sandbox_list(const struct moat *m, struct moat_sandbox_status ***ret,
		      struct moat_error *err);
/* With all its containers. -EBUSY: it, or one of them, runs. force: in any state; an unknown id is fine then. */
int moat_sandbox_delete(const struct moat *m, const char *id, bool force, struct moat_error *err);

/* ---- direct volumes: moat-volume(8) ---- */

/* info: mountInfo.json as Kata has it. One that is registered is replaced. -EBUSY: it is in use. */
int moat_volume_add(const struct moat *m, const char *path, const char *info,
		    struct moat_error *err);
/* -EBUSY: a container uses it. */
int moat_volume_remove(const struct moat *m, const char *path, struct moat_error *err);
/* JSON: [{"path", "name", "info", or "error" instead, "users": [{"id", "root", "readonly"}]}] */
int moat_volume_list(const struct moat *m, char **ret, struct moat_error *err);
/*
 * JSON: {"usage": [...], "volume_condition": {...}}, of one that is in use: the guest is asked. -ENOENT, -ESRCH: it is
 * not.
 */
int moat_volume_stats(const struct moat *m, const char *path, char **ret, struct moat_error *err);
/* Lets one that a container uses grow, device and file system. */
int moat_volume_resize(const struct moat *m, const char *path, uint64_t bytes,
		       struct moat_error *err);

/* ---- templates: moat-template(8) ---- */

/*
 * Makes the one for the present configuration, for virtual machines with that many processors; 0: the configured
 * number. -EEXIST; -EBUSY: somebody is at it.
 */
int moat_template_create(const struct moat *m, uint32_t vcpus, struct moat_error *err);
/* JSON, an array of objects with "key", "state", "current", "bytes", "why" and what it was made from. */
int moat_template_list(const struct moat *m, char **ret, struct moat_error *err);
/* Removes all, and the virtual machines that wait. Returns how many. */
int moat_template_remove(const struct moat *m, struct moat_error *err);
/* Starts as many virtual machines ahead of their use as vm_cache_number says. Returns how many were started. */
int moat_template_fill(const struct moat *m, struct moat_error *err);

/* ---- what there is ---- */

/*
 * What the host offers, as JSON: an array of {"name", "status": "ok", "info", "degraded" or "missing", "detail",
 * "next"}. Returns 1 if something is missing without which no container runs.
 */
int moat_check(const struct moat *m, char **ret, struct moat_error *err);
/* OCI's config.json as `moat spec` writes it; OCI's features document. JSON. */
int moat_oci_template(char **ret, struct moat_error *err);
int moat_features(char **ret, struct moat_error *err);
/* The configuration with every key at its default, commented; its keys as a part of a manual page (roff). */
int moat_configuration_sample(char **ret, struct moat_error *err);
int moat_configuration_keys(char **ret, struct moat_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
