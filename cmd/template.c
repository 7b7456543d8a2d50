/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "cmd/command.h"
#include "libruntime/spare.h"
#include "libruntime/template.h"

static struct {
	const char *format, *vcpus;
} opt = { .format = "table" };

static const struct option_row options[] = {
	{ "vcpus", 0, OPT_STR, &opt.vcpus, "N",
	  "of create: processors of the virtual machines that start from it (default: default_vcpus)" },
	{ "format", 'f', OPT_STR, &opt.format, "FORMAT", "of status: table (default) or json" },
	{},
};

static int create(const struct rt *rt, struct err *err)
{
	uint32_t vcpus = 0;
	int r;

	if (opt.vcpus && num_u32(opt.vcpus, 1, UINT32_MAX, &vcpus) < 0)
		return err_set(err, EINVAL, "--vcpus: '%s' is not a number of processors",
			       opt.vcpus);
	r = rt_template_create(rt, vcpus, err);
	if (r == -EEXIST) {
		printf("%s\n", err->msg);
		return 0;
	}
	return r;
}

#define ROW "%-10s%-11s%-9s%-7s%-11s%-22s%s\n"

static void print_table(const struct rt_template *list, size_t n)
{
	printf(ROW, "TEMPLATE", "STATE", "MEMORY", "VCPUS", "SIZE", "CREATED", "KERNEL");
	for (size_t i = 0; i < n; i++) {
		const struct rt_template *t = &list[i];
		char key[12], memory[16] = "-", vcpus[12] = "-", size[24], created[20] = "-";

		snprintf(key, sizeof(key), "%.8s%s", t->key, t->current ? "*" : "");
		snprintf(size, sizeof(size), "%.1f MiB", (double)t->bytes / (1 << 20));
		if (t->meta.kernel) {
			snprintf(memory, sizeof(memory), "%u MiB", t->meta.memory);
			if (t->meta.vcpus)
				snprintf(vcpus, sizeof(vcpus), "%u", t->meta.vcpus);
			snprintf(created, sizeof(created), "%.19s", t->meta.created);
		}
		printf(ROW, key, rt_template_state_name(t->state), memory, vcpus, size, created,
		       t->meta.kernel ? t->meta.kernel : t->why);
	}
}

static int print_json(const struct rt_template *list, size_t n, struct err *err)
{
	_json_ json_t *arr = json_array();
	_free_ char *text = NULL;

	for (size_t i = 0; arr && i < n; i++) {
		const struct rt_template *t = &list[i];
		const struct template_meta *m = &t->meta;
		json_t *obj = json_pack("{s:s, s:s, s:b, s:I, s:s}", "key", t->key, "state",
					rt_template_state_name(t->state), "current", (int)t->current,
					"bytes", (json_int_t)t->bytes, "why", t->why);

		if (obj && m->kernel)
			json_object_update_new(
				obj,
				json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "created",
					  m->created, "hypervisor", m->path, "kernel", m->kernel,
					  "initrd", m->initrd, "machine", m->machine, "accelerator",
					  m->accel, "memory", (json_int_t)m->memory, "vcpus",
					  (json_int_t)m->vcpus));
		if (json_array_append_new(arr, obj) < 0)
			return err_errno(err, ENOMEM, "template");
	}
	text = arr ? js_dump_pretty(arr, 2) : NULL;
	if (!text)
		return err_errno(err, ENOMEM, "template");
	puts(text);
	return 0;
}

static int status(const struct rt *rt, struct err *err)
{
	struct rt_template *list = NULL;
	size_t n = 0;
	int r;

	r = rt_template_list(rt, &list, &n, err);
	if (r < 0)
		return r;
	if (strcmp(opt.format, "json") == 0)
		r = print_json(list, n, err);
	else
		print_table(list, n);
	rt_template_list_free(list, n);
	return r;
}

static int fill(const struct rt *rt, struct err *err)
{
	int r = rt_spare_fill(rt, err);

	return r < 0 ? r : 0;
}

static int remove_all(const struct rt *rt, struct err *err)
{
	int spares = rt_spare_remove(rt, err),
	    templates = spares < 0 ? 0 : rt_template_remove(rt, err);

	if (spares < 0 || templates < 0)
		return spares < 0 ? spares : templates;
	printf("%d removed\n", templates + spares);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct rt *rt, struct err *err);
} actions[] = {
	{ "create", create },
	{ "fill", fill },
	{ "status", status },
	{ "remove", remove_all },
};

static int run(const struct rt *rt, char **args, struct err *err)
{
	const char *name = *args++;
	bool help = false;
	int r;

	/* Options may also follow what is to be done. */
	r = options_parse(options, &args, &help, err);
	if (r < 0)
		return r;
	if (help) {
		help_command(&cmd_template);
		return 0;
	}
	if (*args)
		return err_set(err, EINVAL, "template %s takes no argument: '%s'", name, *args);
	if (strcmp(opt.format, "table") != 0 && strcmp(opt.format, "json") != 0)
		return err_set(err, EINVAL, "invalid format option");
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (strcmp(name, actions[i].name) == 0)
			return actions[i].run(rt, err);
	return err_set(err, EINVAL, "template '%s' is not one of create, fill, status, remove",
		       name);
}

const struct command cmd_template = {
	.name = "template",
	.args = "create|fill|status|remove",
	.summary = "make, show or remove the saved virtual machine from which others start",
	.description =
		"A template is a virtual machine that was booted once and saved; containers' virtual machines start from it in a\n"
		"fraction of a boot's time. It is made by itself, in the background, when a container is created without one.\n"
		"create makes it now, fill starts the virtual machines that vm_cache_number asks for ahead of their use, status lists the templates (* is the one that new containers use), remove\n"
		"removes them all; running containers are not concerned.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
