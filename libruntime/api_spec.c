/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: a container to be. Its representation is OCI's document, whether it comes from a bundle or from setters. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/api.h"
#include "libruntime/process.h"
#include "oci/config.h"
#include "oci/spec.h"

static const struct {
	const char *type, *link; /* in config.json; in /proc/PID/ns */
	bool shared; /* in a sandbox, unless something else is chosen */
} namespaces[] = {
	{ "network", "net", true }, { "ipc", "ipc", true },    { "uts", "uts", true },
	{ "pid", "pid", false },    { "mount", "mnt", false }, { "cgroup", "cgroup", false },
};

/* ---- making ---- */

static struct moat_spec *begin(const char *id)
{
	struct moat_spec *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	process_init(&s->process);
	s->id = strdup(id ? id : "");
	if (!s->id) {
		moat_spec_free(s);
		return NULL;
	}
	return s;
}

static struct moat_spec *adopt(struct moat_spec *s, json_t *config)
{
	s->config = config;
	if (!config && !s->failure.code)
		err_errno(&s->failure, ENOMEM, "description");
	s->process.base = json_object_get(config, "process");
	return s;
}

struct moat_spec *moat_spec_new(const char *id)
{
	struct moat_spec *s = begin(id);
	json_t *config = s ? oci_spec_template() : NULL, *process;

	if (!s)
		return NULL;
	process = json_object_get(config, "process");
	json_object_set_new(process, "terminal", json_false());
	json_object_set_new(process, "args", json_array());
	/* Whoever names none gets an error that says so. */
	json_object_set_new(json_object_get(config, "root"), "path", json_string(""));
	return adopt(s, config);
}

struct moat_spec *moat_spec_from_bundle(const char *id, const char *bundle)
{
	struct moat_spec *s = begin(id);
	const char *path = bundle ? bundle : ".";
	_close_ int dir = -EBADF;
	json_t *config = NULL;

	if (!s)
		return NULL;
	s->bundle = realpath(path, NULL);
	if (s->bundle)
		dir = open(s->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		err_errno(&s->failure, errno, "chdir %s", path);
	else
		(void)oci_config_read(dir, &config, &s->failure);
	return adopt(s, config);
}

void moat_spec_free(struct moat_spec *s)
{
	int saved = errno;

	if (!s)
		return;
	process_done(&s->process);
	json_decref(s->config);
	free(s->bundle);
	free(s->id);
	free(s);
	errno = saved;
}

struct moat_process *moat_spec_process(struct moat_spec *s)
{
	return s ? &s->process : NULL;
}

/* ---- setters ---- */

/* Whether there is something to change. */
static bool usable(const struct moat_spec *s)
{
	return s && json_is_object(s->config);
}

static void fail(struct moat_spec *s, int code, const char *what)
{
	if (!s->failure.code)
		err_errno(&s->failure, code, "%s", what);
}

/* A string that config.json can have. */
static json_t *text(struct moat_spec *s, const char *value, const char *what)
{
	json_t *v = value ? json_string(value) : NULL;

	if (!v)
		fail(s, value && str_is_utf8(value, strlen(value)) ? ENOMEM : EINVAL, what);
	return v;
}

/* The object, or array, with that name, made if need be. */
static json_t *part(json_t *obj, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(obj, key);

	if (!v && json_object_set_new(obj, key, make()) == 0)
		v = json_object_get(obj, key);
	return v;
}

static json_t *resources(struct moat_spec *s, const char *key)
{
	json_t *r = part(part(s->config, "linux", json_object), "resources", json_object);

	return part(r, key, strcmp(key, "devices") == 0 ? json_array : json_object);
}

static void put(struct moat_spec *s, json_t *obj, const char *key, json_t *value)
{
	if (json_object_set_new(obj, key, value) < 0)
		fail(s, ENOMEM, key);
}

static void append(struct moat_spec *s, json_t *list, json_t *value, const char *what)
{
	if (json_array_append_new(list, value) < 0)
		fail(s, ENOMEM, what);
}

/* Where the caller is now is where it means. */
static char *absolute(const char *path)
{
	_free_ char *cwd = NULL;

	if (!path || path[0] == '/')
		return path ? strdup(path) : NULL;
	cwd = getcwd(NULL, 0);
	return cwd ? path_join(cwd, path) : NULL;
}

void moat_spec_set_rootfs(struct moat_spec *s, const char *path, bool readonly)
{
	_free_ char *full = usable(s) ? absolute(path) : NULL;
	json_t *root;

	if (!usable(s))
		return;
	root = part(s->config, "root", json_object);
	put(s, root, "path", text(s, full, "root file system"));
	put(s, root, "readonly", json_boolean(readonly));
}

void moat_spec_set_hostname(struct moat_spec *s, const char *name)
{
	if (!usable(s))
		return;
	s->hostname = true;
	put(s, s->config, "hostname", text(s, name, "hostname"));
}

/* "ro,nosuid" */
static json_t *split(struct moat_spec *s, const char *options)
{
	_free_ char *copy = strdup(options ? options : "");
	char *save = NULL, *word;
	json_t *list = json_array();

	for (word = copy ? strtok_r(copy, ",", &save) : NULL; word;
	     word = strtok_r(NULL, ",", &save))
		append(s, list, text(s, word, "mount options"), "mount options");
	return list;
}

void moat_spec_add_mount(struct moat_spec *s, const char *destination, const char *type,
			 const char *source, const char *options)
{
	bool bind = type && strcmp(type, "bind") == 0;
	_free_ char *full = usable(s) && bind ? absolute(source) : NULL;
	json_t *mount;

	if (!usable(s))
		return;
	mount = json_object();
	put(s, mount, "destination", text(s, destination, "mount"));
	put(s, mount, "type", text(s, type, "mount"));
	put(s, mount, "source", text(s, bind ? full : source, "mount"));
	put(s, mount, "options", split(s, options));
	append(s, part(s->config, "mounts", json_array), mount, "mount");
}

void moat_spec_add_device(struct moat_spec *s, const char *source, const char *path,
			  const char *access)
{
	json_t *device;
	const char *type;
	struct stat st;

	if (!usable(s))
		return;
	if (!source || stat(source, &st) < 0) {
		fail(s, source ? errno : EINVAL, source ? source : "device");
		return;
	}
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode)) {
		fail(s, ENODEV, source);
		return;
	}
	type = S_ISBLK(st.st_mode) ? "b" : "c";
	device = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "type", type, "major",
			   (int)major(st.st_rdev), "minor", (int)minor(st.st_rdev), "fileMode",
			   (int)(st.st_mode & 0777), "uid", (int)st.st_uid, "gid", (int)st.st_gid);
	put(s, device, "path", text(s, path ? path : source, "device"));
	append(s, part(part(s->config, "linux", json_object), "devices", json_array), device,
	       "device");
	append(s, resources(s, "devices"),
	       json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1, "type", type, "major",
			 (int)major(st.st_rdev), "minor", (int)minor(st.st_rdev), "access",
			 access ? access : "rwm"),
	       "device");
}

/* The entry of linux.namespaces with that type; NULL: none. */
static json_t *find_namespace(const json_t *config, const char *type)
{
	return js_find(json_object_get(json_object_get(config, "linux"), "namespaces"), "type",
		       type);
}

void moat_spec_set_namespace(struct moat_spec *s, const char *type, const char *path)
{
	json_t *ns;
	size_t i;

	if (!usable(s))
		return;
	for (i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (type && strcmp(namespaces[i].type, type) == 0)
			break;
	if (i == ARRAY_SIZE(namespaces)) {
		fail(s, EINVAL, "namespace");
		return;
	}
	s->chosen |= 1u << i;
	ns = find_namespace(s->config, type);
	if (!ns) {
		ns = json_pack("{s:s}", "type", type);
		append(s, part(part(s->config, "linux", json_object), "namespaces", json_array), ns,
		       "namespace");
	}
	if (path)
		put(s, ns, "path", text(s, path, "namespace"));
	else
		json_object_del(ns, "path");
}

void moat_spec_set_memory_limit(struct moat_spec *s, int64_t bytes)
{
	if (usable(s))
		put(s, resources(s, "memory"), "limit", json_integer(bytes));
}

void moat_spec_set_cpu_limit(struct moat_spec *s, int64_t quota_us, uint64_t period_us)
{
	if (!usable(s))
		return;
	put(s, resources(s, "cpu"), "quota", json_integer(quota_us));
	put(s, resources(s, "cpu"), "period", js_new_u64(period_us));
}

void moat_spec_set_pids_limit(struct moat_spec *s, int64_t n)
{
	if (usable(s))
		put(s, resources(s, "pids"), "limit", json_integer(n));
}

void moat_spec_set_cgroup(struct moat_spec *s, const char *path)
{
	if (usable(s))
		put(s, part(s->config, "linux", json_object), "cgroupsPath",
		    text(s, path, "cgroup"));
}

void moat_spec_set_annotation(struct moat_spec *s, const char *key, const char *value)
{
	if (!usable(s))
		return;
	if (!key || !str_is_utf8(key, strlen(key)))
		fail(s, EINVAL, "annotation");
	else
		put(s, part(s->config, "annotations", json_object), key, text(s, value, key));
}

/* ---- use ---- */

static int apply_process(const struct moat_process *p, json_t *config, struct err *err)
{
	if (p->failure.code)
		return err_set(err, p->failure.code, "%s", p->failure.msg);
	if (p->json && json_object_set_new(config, "process", json_deep_copy(p->json)) < 0)
		return err_errno(err, ENOMEM, "process");
	/* What is wrong with a document that has none is for others to say. */
	return json_is_object(json_object_get(config, "process")) ?
		       process_apply(&p->exec, json_object_get(config, "process"), err) :
		       0;
}

/* A container of a sandbox is in that one's network, IPC and UTS namespaces if nothing else is said. */
static int join(const struct moat_spec *s, pid_t sandbox, json_t *config, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		json_t *ns = find_namespace(config, namespaces[i].type);
		const char *path = js_get_str(ns, "path");
		bool chosen = s->chosen & (1u << i);
		char link[64];

		if (chosen ? !path || strcmp(path, MOAT_OF_SANDBOX) != 0 :
			     path || s->bundle || !sandbox || !namespaces[i].shared)
			continue;
		if (!sandbox)
			return err_set(err, EINVAL,
				       "the %s namespace is to be the sandbox's, but none is named",
				       namespaces[i].type);
		snprintf(link, sizeof(link), "/proc/%d/ns/%s", sandbox, namespaces[i].link);
		if (json_object_set_new(ns, "path", json_string(link)) < 0)
			return err_errno(err, ENOMEM, "namespaces");
		/* The name in it is the sandbox's. */
		if (strcmp(namespaces[i].type, "uts") == 0 && !s->hostname && !s->bundle)
			json_object_del(config, "hostname");
	}
	return 0;
}

int spec_config(const struct moat_spec *s, pid_t sandbox, json_t **ret, struct err *err)
{
	_json_ json_t *config = NULL;
	int r;

	if (!s)
		return err_errno(err, ENOMEM, "description");
	if (s->failure.code)
		return err_set(err, s->failure.code, "%s", s->failure.msg);
	config = json_deep_copy(s->config);
	if (!config)
		return err_errno(err, ENOMEM, "description");
	r = apply_process(&s->process, config, err);
	if (r >= 0)
		r = join(s, sandbox, config, err);
	if (r >= 0)
		*ret = take_ptr(config);
	return r;
}

int spec_create_args(const struct moat_spec *s, const char *sandbox, json_t *config,
		     struct rt_create *ret, struct err *err)
{
	const struct rt_exec *p = &s->process.exec;
	const char *root = js_get_str(json_object_get(config, "root"), "path");

	if (!s->bundle && root && *root != '/')
		return err_set(err, EINVAL, "no root file system was set");
	*ret = (struct rt_create){
		.id = s->id,
		.bundle = s->bundle,
		.config = config,
		.own_root = s->own_root,
		.sandbox = sandbox,
		.pid_file = p->pid_file,
		.console_socket = p->console_socket,
		.detach = p->console_fd < 0,
		.console_fd = p->console_fd,
		.stdio = p->stdio,
		.preserve_fds = p->preserve_fds,
	};
	return 0;
}

int moat_spec_json(const struct moat_spec *s, char **ret, struct moat_error *err)
{
	json_t *config = NULL;
	int r;

	if (!s)
		return err_errno(api_err(err), ENOMEM, "description");
	r = s->failure.code ? err_set(api_err(err), s->failure.code, "%s", s->failure.msg) : 0;
	config = r >= 0 ? json_deep_copy(s->config) : NULL;
	if (r >= 0 && !config)
		r = err_errno(api_err(err), ENOMEM, "description");
	if (r >= 0)
		r = apply_process(&s->process, config, api_err(err));
	if (r < 0) {
		json_decref(config);
		return r;
	}
	return api_json(config, 4, ret, "description", api_err(err));
}
