/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One monitor is one VM. This header is the map of the process: what it owns
 * and which file drives which part. Everything runs in one event loop; no
 * operation blocks after set-up.
 *
 *   main.c      descriptors, loop, first request
 *   jail.c      the mount namespace in which monitor, QEMU and virtiofsd live
 *   virtiofsd.c the file server
 *   backend.c   vhost-user targets that go
 *   relay.c     connections to vhost-user targets that come back
 *   boot.c      from the VM's description to an agent that answers
 *   drop.c      the rights given up when everything has been started
 *   vm.c        the end of the VM
 *   template.c  saving a VM, and starting one from what was saved, with memory_copy.c
 *   vsock.c     the agent's channel over vsock
 *   agent.c     session with the guest's agent: requests, deadlines, events
 *   client.c    connections of commands and stand-ins
 *   verbs.c     what commands ask for
 *   forward.c   requests that the agent answers
 *   volume.c    the verbs about volumes
 *   plug.c      devices that are added to a VM that runs
 *   resize.c    memory and processors of the VM
 *   container.c containers and processes
 *   stream.c    stdio between stand-ins and agent
 *   journal.c   bounded logs
 */
#ifndef MOAT_MONITOR_MONITOR_H
#define MOAT_MONITOR_MONITOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"
#include "wire/conn.h"
#include "wire/vm_setup.h"

/* Descriptors that moat-monitor is started with. */
enum {
	MONITOR_FD_CONTROL = 3, /* connection of the creating command */
	MONITOR_FD_LISTEN = 4, /* monitor.sock, listening */
	MONITOR_FD_STATE = 5, /* the state directory */
	MONITOR_FD_MEMORY = 6, /* the files of a template, if there is one */
	MONITOR_FD_DEVICES = 7,
	MONITOR_FD_FIRST = 8, /* those of vm_setup.devices */
};

#define MONITOR_SHARE_TAG "moat"
#define BOOT_DEVICES_MAX 32
#define MONITOR_SHARE_DIR "/share" /* in the jail */

enum vm_phase {
	VM_IDLE, /* before setup */
	VM_BOOTING,
	VM_READY, /* the agent answers */
	VM_ENDING, /* being taken down in order */
	VM_ENDED, /* gone, or never came up: err says why */
};

struct agent;
struct backend;
struct call;
struct client;
struct container;
struct device;
struct devices;
struct hv;
struct hv_ops;
struct journal;
struct owned;
struct plug;
struct relay;
struct resize;
struct vsock_listener;

struct monitor {
	struct loop *loop;
	struct vm_setup setup;

	/* vm.c */
	enum vm_phase phase;
	struct err failure; /* why the VM ended, code 0: in order */
	const struct hv_ops *hv_ops;
	struct hv *hv;
	struct devices *devices;
	struct device *boot_devices[BOOT_DEVICES_MAX]; /* file system, vsock, then those of the setup in their order */
	unsigned int n_boot_devices, n_attached;
	struct device **setup_devices; /* the latter: a part of it */
	struct backend *backends; /* backend.c: vhost-user targets without a relay */
	struct relay *relays; /* relay_start.c: to vhost-user targets */
	struct vsock_listener *vsock;
	struct err lost; /* how the agent's channel ended, until the hypervisor says more */
	uint32_t boot_limit; /* seconds until the agent must answer, of which boot_timer tells */
	struct loop_source *boot_timer, *end_timer, *lost_timer;
	bool quitting; /* the hypervisor was told to */
	pid_t virtiofsd_pid;
	int virtiofsd_pidfd, virtiofsd_output;
	char virtiofsd_words[208]; /* the first line of its last output, after ": " */
	struct loop_source *virtiofsd_exit;

	struct agent *agent;

	/* template.c */
	int memory_fd; /* the guest's memory, while we have something to do with it */
	struct client *saver;
	uint32_t save_request;

	/* client.c */
	struct loop_source *listen;
	struct client *clients;
	struct owned *owned; /* plug.c: whose the devices are that were plugged in */
	struct plug *plugs; /* plug.c: devices to be attached or detached, the first one is on its way */
	struct resize *resize; /* resize.c; NULL: nobody has asked for any size */
	struct call *calls; /* forward.c: requests that wait for the agent */
	bool committed; /* the creator finished; its connection may close */

	/* container.c */
	struct container *containers;
	uint32_t next_stream;

	/* journal.c */
	struct journal *log, *console;
	struct loop_source *console_src;
	int console_fd;
};

/* Ends the process: everything else in the pid namespace dies with it. */
void monitor_exit(struct monitor *m);

#endif
