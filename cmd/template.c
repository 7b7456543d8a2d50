/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "cmd/command.h"

static struct {
	const char *format, *vcpus;
} opt = { .format = "table" };

static const struct option_row options[] = {
	{ "vcpus", 0, OPT_STR, &opt.vcpus, "N",
	  "of create: processors of the virtual machines that start from it (default: default_vcpus)" },
	{ "format", 'f', OPT_STR, &opt.format, "FORMAT", "of status: table (default) or json" },
	{},
};

static int create(const struct moat *m, struct err *err)
{
	uint32_t vcpus = 0;
	int r;

	if (opt.vcpus && num_u32(opt.vcpus, 1, UINT32_MAX, &vcpus) < 0)
		return err_set(err, EINVAL, "--vcpus: '%s' is not a number of processors",
			       opt.vcpus);
	r = moat_template_create(m, vcpus, lib(err));
	if (r == -EEXIST) {
		printf("%s\n", err->msg);
		return 0;
	}
	return r;
}

#define ROW "%-10s%-11s%-9s%-7s%-11s%-22s%s\n"

static void print_row(const json_t *t)
{
	const char *kernel = js_get_str(t, "kernel");
	char key[12], memory[16] = "-", vcpus[12] = "-", size[24], created[20] = "-";

	snprintf(key, sizeof(key), "%.8s%s", js_get_str(t, "key"),
		 js_get_bool(t, "current", false) ? "*" : "");
	snprintf(size, sizeof(size), "%.1f MiB", (double)js_get_int(t, "bytes", 0) / (1 << 20));
	if (kernel) {
		snprintf(memory, sizeof(memory), "%lld MiB", (long long)js_get_int(t, "memory", 0));
		if (js_get_int(t, "vcpus", 0))
			snprintf(vcpus, sizeof(vcpus), "%lld", (long long)js_get_int(t, "vcpus", 0));
		snprintf(created, sizeof(created), "%.19s", js_get_str(t, "created"));
	}
	printf(ROW, key, js_get_str(t, "state"), memory, vcpus, size, created,
	       kernel ? kernel : js_get_str(t, "why"));
}

static int print_table(const char *text, struct err *err)
{
	_json_ json_t *list = NULL;
	json_t *t;
	size_t i;
	int r = js_parse(text, strlen(text), NULL, &list, err);

	if (r < 0)
		return r;
	printf(ROW, "TEMPLATE", "STATE", "MEMORY", "VCPUS", "SIZE", "CREATED", "KERNEL");
	json_array_foreach(list, i, t)
		print_row(t);
	return 0;
}

static int status(const struct moat *m, struct err *err)
{
	_free_ char *text = NULL;
	int r = moat_template_list(m, &text, lib(err));

	if (r < 0)
		return r;
	if (strcmp(opt.format, "table") == 0)
		return print_table(text, err);
	puts(text);
	return 0;
}

static int fill(const struct moat *m, struct err *err)
{
	int r = moat_template_fill(m, lib(err));

	return r < 0 ? r : 0;
}

static int remove_all(const struct moat *m, struct err *err)
{
	int r = moat_template_remove(m, lib(err));

	if (r < 0)
		return r;
	printf("%d removed\n", r);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct moat *m, struct err *err);
} actions[] = {
	{ "create", create },
	{ "fill", fill },
	{ "status", status },
	{ "remove", remove_all },
};

static int run(const struct moat *m, char **args, struct err *err)
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
			return actions[i].run(m, err);
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
