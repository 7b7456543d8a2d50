/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/privileged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"

static bool any_number(const json_t *rule, const char *key)
{
	const json_t *v = json_object_get(rule, key);

	return !v || json_is_null(v) || json_integer_value(v) == -1;
}

/* The last rule for all devices decides; later ones for single devices change nothing about who asked for all. */
static bool all_allowed(const struct oci_config *c)
{
	const json_t *rules = json_object_get(c->linux_->resources, "devices"), *rule;
	bool allowed = false;
	size_t i;

	json_array_foreach(rules, i, rule) {
		const char *type = js_get_str(rule, "type"), *access = js_get_str(rule, "access");

		if ((type && *type && strcmp(type, "a") != 0) || !any_number(rule, "major") ||
		    !any_number(rule, "minor"))
			continue;
		allowed = json_is_true(json_object_get(rule, "allow")) &&
			  (!access || !*access ||
			   (strchr(access, 'r') && strchr(access, 'w') && strchr(access, 'm')));
	}
	return allowed;
}

/* Behind a symbolic link it was asked for: callers list the nodes themselves. */
static bool is_hosts(const struct oci_device *d, const char *root)
{
	_free_ char *path = str_printf("%s%s", root, d->path);
	mode_t type = d->type[0] == 'b' ? S_IFBLK : S_IFCHR;
	struct stat st;

	return path && d->type[0] != 'p' && !dev_is_guest_node(d) && lstat(path, &st) == 0 &&
	       (st.st_mode & S_IFMT) == type && major(st.st_rdev) == (unsigned int)d->major &&
	       minor(st.st_rdev) == (unsigned int)d->minor;
}

/* The tree may be the caller's: only what changes is copied. */
static int set_tree_devices(struct oci_config *c, json_t *devices)
{
	json_t *tree = json_copy(c->tree);
	json_t *linux_ = json_copy(json_object_get(c->tree, "linux"));

	if (!tree || !linux_ || json_object_set(linux_, "devices", devices) < 0 ||
	    json_object_set(tree, "linux", linux_) < 0) {
		json_decref(tree);
		json_decref(linux_);
		return -ENOMEM;
	}
	json_decref(linux_);
	json_decref(c->tree);
	c->tree = tree;
	return 0;
}

int dev_leave_out_hosts(struct oci_config *c, const struct dev_options *o, struct err *err)
{
	const json_t *all = json_object_get(json_object_get(c->tree, "linux"), "devices");
	struct oci_linux *l = c->linux_;
	_free_ bool *keep = calloc(l->n_devices + 1, sizeof(*keep));
	_json_ json_t *kept = json_array();
	size_t n = 0;

	if (!o->privileged_without_host_devices || !all_allowed(c))
		return 0;
	for (size_t i = 0; keep && i < l->n_devices; i++) {
		keep[i] = !is_hosts(&l->devices[i], o->root);
		if (keep[i])
			json_array_append(kept, json_array_get(all, i));
		else
			n++;
	}
	if (n == 0 && keep)
		return 0;
	if (!keep || json_array_size(kept) + n != l->n_devices || set_tree_devices(c, kept) < 0)
		return err_errno(err, ENOMEM, "linux.devices");
	log_info("privileged: %zu of linux.devices are the host's and left out, see privileged_without_host_devices",
		 n);
	n = 0;
	for (size_t i = 0; i < l->n_devices; i++) {
		if (keep[i]) {
			l->devices[n++] = l->devices[i];
			continue;
		}
		log_debug("linux.devices: '%s' is left out", l->devices[i].path);
		free(l->devices[i].type);
		free(l->devices[i].path);
	}
	l->n_devices = n;
	return 0;
}
