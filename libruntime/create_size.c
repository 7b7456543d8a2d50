/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of create that is about the size of the VM: one that boots has it from the beginning, one that is there, from a template
 * or a spare, grows.
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "libruntime/creation.h"
#include "wire/message.h"

int creation_plan_size(struct creation *c, struct err *err)
{
	struct vm_setup *s = &c->vm.setup;
	struct sizing_host host;
	struct hv_demand most;
	int r;

	r = sizing_host(&host, err);
	if (r >= 0)
		r = sizing_demand(c->config->linux_->limits, "linux.resources", &host, &c->demand,
				  err);
	if (r >= 0)
		r = sizing_pod(c->config->annotations, &host, &c->pod_demand, err);
	if (r < 0)
		return r;
	most = hv_demand_max(&c->demand, &c->pod_demand);
	c->boot_memory = hv_size_memory(s->base_memory, c->vm.most_memory, most.memory);
	c->boot_vcpus = hv_size_vcpus(s->base_vcpus, c->vm.most_vcpus, most.cpus);
	/* What cannot grow has it from the start, or in a template of its own. */
	if (s->max_memory == s->base_memory)
		s->memory = s->max_memory = c->boot_memory;
	if (s->max_vcpus > s->base_vcpus || c->boot_vcpus == s->vcpus)
		return 0;
	return vm_config_set_vcpus(&c->vm, c->boot_vcpus, err);
}

void creation_boot_setup(const struct creation *c, struct vm_setup *ret)
{
	*ret = c->vm.setup;
	if (ret->template)
		return;
	ret->memory = c->boot_memory;
	ret->vcpus = c->boot_vcpus;
	if (ret->max_memory < ret->memory)
		ret->max_memory = ret->memory;
	if (ret->max_vcpus < ret->vcpus)
		ret->max_vcpus = ret->vcpus;
}

int creation_grow(struct creation *c, struct err *err)
{
	struct hv_demand all = hv_demand_max(&c->demand, &c->pod_demand);
	int timeout = (int)c->vm.setup.boot_timeout * 1000 + MONITOR_RESIZE_MS, r;
	_json_ json_t *params = NULL, *result = NULL;

	if (all.memory == 0 && all.cpus == 0)
		return 0;
	params = sizing_params(c->args->id, &c->demand, &c->pod_demand);
	if (!params)
		return err_errno(err, ENOMEM, "resize");
	r = wire_call(c->monitor.control, "resize", params, timeout, &result, err);
	return r < 0 ? r : sizing_result(result, &c->vcpus, &c->memory, err);
}
