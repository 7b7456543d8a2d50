/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/vm_config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "hypervisor/accel.h"
#include "hypervisor/hv.h"
#include "hypervisor/tcg.h"
#include "libruntime/sizing.h"

#define MOST_MEMORY \
	(512u *     \
	 1024) /* MiB: TCG's processor has 40 bits for addresses, of which devices want some */
#define MOST_VCPUS 32 /* each that may come costs a guest 300 KiB */

void vm_config_done(struct vm_config *v)
{
	vm_setup_done(&v->setup);
	free(v->monitor);
	free(v->standin);
	free(v->store);
	free(v->vhost_user_net);
	free(v->volumes);
	free(v->factory);
	*v = (struct vm_config){};
}

/* A program or image that is not there is better said now than by a VM that does not start. */
int vm_config_need(const struct vm_file *f, struct err *err)
{
	struct stat st;

	if (!f->path || !*f->path)
		return err_set(err, ENOENT, "%s: not found on this host and not configured", f->key);
	if (f->path[0] != '/')
		return err_set(err, EINVAL, "%s: '%s' is not an absolute path", f->key, f->path);
	if (stat(f->path, &st) < 0)
		return err_errno(err, errno, "%s '%s'", f->key, f->path);
	if (!S_ISREG(st.st_mode) || (f->program && access(f->path, X_OK) < 0))
		return err_set(err, EACCES, "%s '%s' is not %s", f->key, f->path,
			       f->program ? "an executable file" : "a regular file");
	return 0;
}

size_t vm_config_files(const struct moat_config *c, const struct moat_paths *p,
		       struct vm_file ret[VM_FILES])
{
	ret[VM_FILE_MONITOR] = (struct vm_file){ "moat-monitor", p->monitor, true };
	ret[VM_FILE_STANDIN] = (struct vm_file){ "moat-standin", p->standin, true };
	ret[VM_FILE_QEMU] = (struct vm_file){ "hypervisor.qemu.path", c->qemu.path, true };
	ret[VM_FILE_VIRTIOFSD] = (struct vm_file){ "hypervisor.qemu.virtio_fs_daemon",
						   c->qemu.virtio_fs_daemon, true };
	ret[VM_FILE_KERNEL] = (struct vm_file){ "hypervisor.qemu.kernel", c->qemu.kernel, false };
	ret[VM_FILE_INITRD] = (struct vm_file){ "hypervisor.qemu.initrd", c->qemu.initrd, false };
	return strcmp(c->runtime.hypervisor, "fake") == 0 ? VM_FILE_QEMU : VM_FILES;
}

static int need_files(const struct moat_config *c, const struct moat_paths *p, struct err *err)
{
	struct vm_file files[VM_FILES];
	size_t i, n = vm_config_files(c, p, files);
	int r = 0;

	for (i = 0; i < n && r >= 0; i++)
		if (i != VM_FILE_VIRTIOFSD || strcmp(c->qemu.shared_fs, "none") != 0)
			r = vm_config_need(&files[i], err);
	return r;
}

/* vsock where host and backend have it, unless virtio-serial is asked for. */
int vm_config_channel(const struct moat_config *c, const struct hv_ops *ops, const char *device,
		      bool *ret_vsock, struct err *err)
{
	bool there = access(device, R_OK | W_OK) == 0 && (ops->caps & HV_CAP_VSOCK);

	if (strcmp(c->agent.channel, "vsock") == 0 && !there)
		return err_set(err, ENODEV, "agent.moat.channel = \"vsock\": %s cannot be used",
			       device);
	*ret_vsock = there && strcmp(c->agent.channel, "virtio-serial") != 0;
	return 0;
}

/* Why this VM cannot start from a template; NULL: it can. */
static const char *no_template(const struct moat_config *c, const struct hv_ops *ops, bool debug)
{
	if (!c->factory.enable_template)
		return "templates are switched off: enable_template in [factory]";
	if (!(ops->caps & HV_CAP_SAVE))
		return "the hypervisor has no templates";
	/* Nothing can be plugged into pcie.0 of a microvm that runs. */
	if (strcmp(c->qemu.machine_type, "q35") != 0)
		return "only machine type q35 has templates: machine_type in [hypervisor.qemu]";
	if (c->qemu.enable_hugepages)
		return "memory from huge pages has no templates: enable_hugepages in [hypervisor.qemu]";
	if (strcmp(c->agent.channel, "vsock") == 0)
		return "a vsock channel has no templates: channel in [agent.moat]";
	return debug ? "with debugging a virtual machine boots, so that all of its messages are seen" :
		       NULL;
}

/* Of what there is of the path; 0: of nothing. */
static dev_t file_system_of(const char *path)
{
	_free_ char *p = strdup(path);
	struct stat st;

	for (char *slash; p && stat(p, &st) < 0; *slash = '\0')
		if (!(slash = strrchr(p, '/')) || slash == p)
			return stat(*path == '/' ? "/" : ".", &st) < 0 ? 0 : st.st_dev;
	return p ? st.st_dev : 0;
}

/* Callers have a --root each, containerd one for each of its namespaces: what holds nothing of theirs is shared. */
static char *factory_of(const struct rt *rt, const struct moat_config *c)
{
	_free_ char *root = path_clean(rt->root);

	if (*c->factory.template_path)
		return strdup(c->factory.template_path);
	return root && (str_has_prefix(root, "/run/") || str_has_prefix(root, "/var/run/")) ?
		       strdup(RT_DEFAULT_ROOT) :
		       strdup(rt->root);
}

int vm_config_factory(const struct rt *rt, char **ret, struct err *err)
{
	_cleanup_(config_done) struct moat_config c = {};
	int r = config_load(rt->config, &c, err);

	if (r < 0)
		return r;
	*ret = factory_of(rt, &c);
	return *ret ? 0 : err_errno(err, ENOMEM, "configuration");
}

int vm_config_volumes(const struct rt *rt, char **ret, struct err *err)
{
	_cleanup_(config_done) struct moat_config c = {};
	int r = config_load(rt->config, &c, err);

	if (r < 0)
		return r;
	*ret = take_ptr(c.runtime.direct_volume_path);
	return 0;
}

/* store is borrowed. */
static struct dev_options device_options(const struct moat_config *c, const char *store)
{
	return (struct dev_options){
		.vhost_user_store = c->qemu.enable_vhost_user_store,
		.vhost_user_store_path = store,
		.privileged_without_host_devices = c->runtime.privileged_without_host_devices,
		.root = ""
	};
}

int vm_config_devices(const struct rt *rt, struct vm_config *ret, struct err *err)
{
	_cleanup_(config_done) struct moat_config c = {};
	int r = config_load(rt->config, &c, err);

	if (r < 0)
		return r;
	ret->store = take_ptr(c.qemu.vhost_user_store_path);
	ret->setup.hypervisor = take_ptr(c.runtime.hypervisor);
	ret->devices = device_options(&c, ret->store);
	ret->reconnect = c.qemu.vhost_user_reconnect_timeout_sec;
	return 0;
}

static char *nonempty(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

int vm_config_set_vcpus(struct vm_config *v, uint32_t vcpus, struct err *err)
{
	struct vm_setup *s = &v->setup;

	s->vcpus = vcpus;
	if (s->max_vcpus < vcpus)
		s->max_vcpus = vcpus;
	if (vcpus == 1 || strcmp(s->hypervisor, "qemu") != 0 || strcmp(s->accel, "tcg") != 0)
		return 0;
	return tcg_needs_one_thread(s->path, &s->one_thread, err);
}

/*
 * Memory grows by virtio-mem, which wants ACPI, and pages that need not be reserved. Processors grow with KVM only: a Linux guest
 * (6.12) takes empty sockets for broken ones unless it knows the hypervisor, and TCG is none that it knows.
 */
static int fill_size(const struct moat_config *c, const struct hv_ops *ops, struct vm_config *ret,
		     struct err *err)
{
	struct vm_setup *s = &ret->setup;
	bool grows = (ops->caps & HV_CAP_GROW) && strcmp(s->machine, "q35") == 0;
	struct sizing_host host;
	uint32_t most;
	int r = sizing_host(&host, err);

	if (r < 0)
		return r;
	if (c->qemu.default_memory > host.memory)
		return err_set(
			err, ERANGE,
			"default_memory in [hypervisor.qemu]: %u MiB are more than the host's %llu MiB",
			c->qemu.default_memory, (unsigned long long)host.memory);
	s->memory = s->base_memory = c->qemu.default_memory;
	s->base_vcpus = c->qemu.default_vcpus;
	most = host.memory < MOST_MEMORY ? (uint32_t)host.memory : MOST_MEMORY;
	if (c->qemu.default_maxmemory)
		most = c->qemu.default_maxmemory < host.memory ? c->qemu.default_maxmemory :
								 (uint32_t)host.memory;
	ret->most_memory = hv_size_most_memory(s->base_memory, most);
	most = c->qemu.default_maxvcpus ? c->qemu.default_maxvcpus :
	       host.cpus < MOST_VCPUS   ? host.cpus :
					  MOST_VCPUS;
	ret->most_vcpus = most > s->base_vcpus ? most : s->base_vcpus;
	s->max_memory = grows && !s->hugepages ? ret->most_memory : s->base_memory;
	s->max_vcpus = grows && strcmp(s->accel, "kvm") == 0 ? ret->most_vcpus : s->base_vcpus;
	return vm_config_set_vcpus(ret, s->base_vcpus, err);
}

/* Opening loads the module behind the node, if there is one. */
static bool can_open(const char *device)
{
	_close_ int fd = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0;
}

static int fill(const struct rt *rt, const char *id, const struct moat_config *c,
		struct vm_config *ret, struct err *err)
{
	struct vm_setup *s = &ret->setup;
	const struct hv_ops *ops = hv_find(c->runtime.hypervisor);
	enum accel accel = ACCEL_TCG;
	char why[256] = "";
	int r;

	if (!ops)
		return err_set(err, EINVAL, "runtime.hypervisor '%s' is not known",
			       c->runtime.hypervisor);
	if (strcmp(ops->name, "fake") != 0) {
		r = accel_choose(c->qemu.accelerator, &accel, why, sizeof(why), err);
		if (r < 0)
			return r;
		log_info("accelerator %s: %s", accel_name(accel), why);
	}
	if (c->qemu.enable_iommu && strcmp(c->qemu.machine_type, "q35") != 0)
		return err_set(
			err, ENOTSUP,
			"enable_iommu in [hypervisor.qemu] needs machine type q35: machine_type");
	s->debug = rt->debug || c->qemu.enable_debug || c->agent.enable_debug ||
		   c->runtime.enable_debug;
	ret->no_template = no_template(c, ops, s->debug);
	ret->template = !ret->no_template;
	ret->spares = ret->template ? c->factory.vm_cache_number : 0;
	/* A template's guest has its channel already. */
	r = ret->template ? 0 : vm_config_channel(c, ops, VM_VSOCK_DEVICE, &s->vsock, err);
	if (r < 0)
		return r;
	ret->share = strcmp(c->qemu.shared_fs, "none") != 0;
	/* One could not be rehearsed. */
	if (!ret->share)
		ret->spares = 0;
	ret->root_disk = !c->qemu.disable_block_device_use && strcmp(ops->name, "fake") != 0;
	ret->network = strcmp(c->runtime.internetworking_model, "none") != 0;
	ret->reconnect = c->qemu.vhost_user_reconnect_timeout_sec;
	ret->macvtap = strcmp(c->runtime.internetworking_model, "macvtap") == 0;
	s->vhost_net = accel == ACCEL_KVM && !c->qemu.disable_vhost_net &&
		       can_open(VM_VHOST_NET_DEVICE);
	ret->overhead = c->runtime.sandbox_cgroup_only ? c->qemu.overhead_memory : 0;
	ret->store = strdup(c->qemu.vhost_user_store_path);
	ret->vhost_user_net = strdup(c->qemu.vhost_user_net_path);
	ret->volumes = strdup(c->runtime.direct_volume_path);
	ret->factory = factory_of(rt, c);
	if (!ret->store || !ret->vhost_user_net || !ret->volumes || !ret->factory)
		return err_errno(err, ENOMEM, "configuration");
	/* Taking one moves its socket. */
	if (ret->spares && file_system_of(rt->root) != file_system_of(ret->factory)) {
		log_warn("vm_cache_number: --root '%s' is in another file system than '%s': no spares",
			 rt->root, ret->factory);
		ret->spares = 0;
	}
	ret->devices = device_options(c, ret->store);
	s->id = strdup(id);
	s->hypervisor = strdup(ops->name);
	s->path = strdup(c->qemu.path);
	s->machine = strdup(c->qemu.machine_type);
	s->accel = strdup(accel_name(accel));
	s->cpu = nonempty(c->qemu.cpu_model);
	s->firmware = nonempty(c->qemu.firmware);
	s->kernel = strdup(c->qemu.kernel);
	s->initrd = strdup(c->qemu.initrd);
	s->kernel_params = nonempty(c->qemu.kernel_params);
	s->virtiofsd = strdup(ret->share ? c->qemu.virtio_fs_daemon : "");
	s->virtiofs_cache = strdup(c->qemu.virtio_fs_cache);
	s->virtiofsd_args = strv_copy(c->qemu.virtio_fs_extra_args);
	s->hostname = strdup("moat");
	s->ports = c->qemu.pcie_root_port;
	s->monitor_log_limit = c->runtime.monitor_log_limit;
	s->console_log_limit = c->runtime.console_log_limit;
	s->boot_timeout = c->agent.boot_timeout;
	s->hugepages = c->qemu.enable_hugepages;
	s->iommu = c->qemu.enable_iommu;
	ret->vfio_user = strcmp(c->runtime.vfio_mode, "vfio") == 0;
	s->reclaim = c->qemu.reclaim_guest_freed_memory;
	if (!s->id || !s->hypervisor || !s->path || !s->machine || !s->accel || !s->kernel ||
	    !s->initrd || !s->virtiofsd || !s->virtiofs_cache || !s->virtiofsd_args || !s->hostname)
		return err_errno(err, ENOMEM, "configuration");
	return fill_size(c, ops, ret, err);
}

int vm_config_load(const struct rt *rt, const char *id, struct vm_config *ret, struct err *err)
{
	_cleanup_(moat_paths_done) struct moat_paths paths = {};
	_cleanup_(config_done) struct moat_config c = {};
	int r;

	r = config_load(rt->config, &c, err);
	if (r >= 0)
		r = moat_paths(&paths, err);
	if (r < 0)
		return r;
	r = need_files(&c, &paths, err);
	if (r < 0)
		return r;
	ret->monitor = take_ptr(paths.monitor);
	ret->standin = take_ptr(paths.standin);
	return fill(rt, id, &c, ret, err);
}
