/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hv_config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const size_t strings[] = {
	offsetof(struct hv_config, id),       offsetof(struct hv_config, path),
	offsetof(struct hv_config, machine),  offsetof(struct hv_config, accel),
	offsetof(struct hv_config, cpu),      offsetof(struct hv_config, kernel),
	offsetof(struct hv_config, initrd),   offsetof(struct hv_config, cmdline),
	offsetof(struct hv_config, firmware),
};

static char **string_at(struct hv_config *cfg, size_t i)
{
	return (char **)(void *)((char *)cfg + strings[i]);
}

void hv_config_done(struct hv_config *cfg)
{
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(*string_at(cfg, i));
	free(cfg->groups);
	*cfg = (struct hv_config){ 0 };
}

int hv_config_copy(const struct hv_config *cfg, struct hv_config *ret, struct err *err)
{
	struct hv_config c = *cfg;
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		char **s = string_at(&c, i);

		*s = *s ? strdup(*s) : NULL;
		failed |= !*s && *string_at((struct hv_config *)cfg, i);
	}
	c.groups = NULL;
	if (cfg->n_groups > 0) {
		c.groups = calloc(cfg->n_groups, sizeof(*c.groups));
		failed |= !c.groups;
		if (c.groups)
			memcpy(c.groups, cfg->groups, cfg->n_groups * sizeof(*c.groups));
	}
	if (failed) {
		hv_config_done(&c);
		return err_set(err, ENOMEM, "out of memory");
	}
	*ret = c;
	return 0;
}
