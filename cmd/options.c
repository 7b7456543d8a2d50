/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "cmd/command.h"

static const struct option_row *find(const struct option_row *rows, const char *name, size_t len)
{
	for (; rows && rows->name; rows++)
		if ((strlen(rows->name) == len && strncmp(rows->name, name, len) == 0) ||
		    (len == 1 && rows->letter == name[0]))
			return rows;
	return NULL;
}

static int set_flag(const struct option_row *o, const char *value, struct err *err)
{
	bool on = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;

	if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return err_set(err, EINVAL, "--%s takes no value '%s'", o->name, value);
	*(bool *)o->value = on;
	return 0;
}

static int set(const struct option_row *o, const char *value, struct err *err)
{
	uint32_t n;

	switch (o->type) {
	case OPT_FLAG:
		return set_flag(o, value, err);
	case OPT_STR:
		*(const char **)o->value = value;
		return 0;
	case OPT_LIST:
		return strv_add(o->value, value) < 0 ? err_errno(err, ENOMEM, "--%s", o->name) : 0;
	case OPT_UINT:
		if (num_u32(value, 0, INT32_MAX, &n) < 0)
			return err_set(err, EINVAL, "--%s '%s': not a number", o->name, value);
		*(unsigned int *)o->value = n;
		return 0;
	}
	return -EINVAL;
}

int options_parse(const struct option_row *rows, char ***argv, bool *help, struct err *err)
{
	char **v;
	int r;

	for (v = *argv; *v && (*v)[0] == '-' && (*v)[1]; v++) {
		const char *name = *v + ((*v)[1] == '-' ? 2 : 1), *eq = strchr(name, '=');
		size_t len = eq ? (size_t)(eq - name) : strlen(name);
		const char *value = eq ? eq + 1 : NULL;
		const struct option_row *o;

		if (!*name) { /* "--" */
			v++;
			break;
		}
		if ((len == 4 && strncmp(name, "help", 4) == 0) || (len == 1 && *name == 'h')) {
			*help = true;
			continue;
		}
		o = find(rows, name, len);
		if (!o)
			return err_set(err, EINVAL, "flag provided but not defined: -%.*s",
				       (int)len, name);
		if (o->type != OPT_FLAG && !value) {
			value = *++v;
			if (!value)
				return err_set(err, EINVAL, "flag needs an argument: -%.*s",
					       (int)len, name);
		}
		r = set(o, value, err);
		if (r < 0)
			return r;
	}
	*argv = v;
	return 0;
}
