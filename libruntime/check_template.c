/* SPDX-License-Identifier: Apache-2.0 */
/* `moat check`: whether virtual machines start from a template. */
#include "base/cleanup.h"
#include "libruntime/check_rows.h"
#include "libruntime/template.h"

static void say_template(const struct rt_template *t, struct check_row *row)
{
	switch (t->state) {
	case RT_TEMPLATE_READY:
		check_say(row, CHECK_OK, "%.8s, %u MiB of memory, %llu MiB of it used", t->key,
			  t->meta.memory, (unsigned long long)t->meta.bytes >> 20);
		return;
	case RT_TEMPLATE_MAKING:
		check_say(row, CHECK_INFO, "%.8s is being made", t->key);
		return;
	case RT_TEMPLATE_FAILED:
		check_say(row, CHECK_DEGRADED, "the last attempt to make one failed: %s", t->why);
		break;
	default:
		check_say(row, CHECK_DEGRADED, "%.8s is %s; virtual machines boot without it",
			  t->key, rt_template_state_name(t->state));
	}
	check_next(row, "moat template create");
}

void check_template(const struct check *c, struct check_row *row)
{
	_cleanup_(vm_config_done) struct vm_config vm = {};
	const struct rt_template *found = NULL;
	struct rt_template *list = NULL;
	size_t n = 0;

	if (vm_config_load(c->rt, "check", &vm, NULL) < 0) {
		check_say(row, CHECK_INFO, "not looked for: no virtual machine can be started yet");
		return;
	}
	if (!vm.template) {
		check_say(row, CHECK_INFO, "every virtual machine boots: %s", vm.no_template);
		return;
	}
	(void)rt_template_list(c->rt, &list, &n, NULL);
	for (size_t i = 0; i < n; i++)
		if (list[i].current && (!found || list[i].state == RT_TEMPLATE_READY))
			found = &list[i];
	if (found)
		say_template(found, row);
	else
		check_say(row, CHECK_INFO,
			  "there is none yet: the first container boots, and one is made meanwhile");
	rt_template_list_free(list, n);
}
