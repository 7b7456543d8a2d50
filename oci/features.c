/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/features.h"

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "oci/config_fields.h"
#include "oci/mount_options.h"
#include "oci/names.h"
#include "oci/seccomp.h"
#include "oci/state.h"

#define OCI_VERSION_MIN "1.0.0" /* the validator takes every 1.x */

static json_t *strings(const char *const *v)
{
	return js_new_strv((char *const *)v);
}

static json_t *hooks(void)
{
	json_t *l = json_array();

	for (const struct js_field *f = oci_hooks_fields; f->key; f++) {
		_free_ char *path = str_printf("hooks.%s", f->key);

		if (path && oci_is_applied(path, NULL))
			json_array_append_new(l, json_string(f->key));
	}
	return l;
}

static json_t *namespaces(void)
{
	json_t *l = json_array();

	for (const char *const *type = oci_namespace_types; *type; type++)
		if (oci_is_applied("linux.namespaces[].type", *type))
			json_array_append_new(l, json_string(*type));
	return l;
}

static json_t *enabled(bool on)
{
	return json_pack("{s:b}", "enabled", on);
}

/* What needs a listener is known, and refused. */
static json_t *seccomp(void)
{
	json_t *known = strings(oci_seccomp_flags);

	json_array_append_new(known, json_string("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled",
			 oci_is_applied("linux.seccomp", NULL), "actions",
			 strings(oci_seccomp_actions), "operators", strings(oci_seccomp_operators),
			 "archs", strings(oci_seccomp_architectures), "knownFlags", known,
			 "supportedFlags", strings(oci_seccomp_flags));
}

json_t *oci_features(json_t *annotations)
{
	/* cgroupsPath is made in hierarchies of either version on the host; with --systemd-cgroup systemd makes it. */
	json_t *cgroup = json_pack("{s:b, s:b, s:b, s:b, s:b}", "v1", 1, "v2", 1, "systemd", 1,
				   "systemdUser", 0, "rdma", 1);
	json_t *lin = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o}}", "namespaces",
				namespaces(), "capabilities", strings(oci_cap_names), "cgroup",
				cgroup, "seccomp", seccomp(), "apparmor",
				enabled(oci_is_applied("process.apparmorProfile", NULL)), "selinux",
				enabled(oci_is_applied("process.selinuxLabel", NULL)), "intelRdt",
				enabled(oci_is_applied("linux.intelRdt", NULL)), "mountExtensions",
				"idmap", enabled(false)); /* refused: oci/validate.c */

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o*}", "ociVersionMin", OCI_VERSION_MIN,
			 "ociVersionMax", OCI_VERSION, "hooks", hooks(), "mountOptions",
			 strings(oci_mount_option_names), "linux", lin, "annotations", annotations);
}
