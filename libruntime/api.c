/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: the handle, and what is process-wide. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "config/paths.h"
#include "libruntime/api.h"
#include "libruntime/container.h"
#include "oci/state.h"
#include "version.h"

const char *moat_version(void)
{
	return MOAT_VERSION;
}

const char *moat_commit(void)
{
	return MOAT_COMMIT;
}

const char *moat_oci_version(void)
{
	return OCI_VERSION;
}

/* ---- the process ---- */

static struct {
	moat_log_fn fn;
	void *data;
} sink;

static void to_sink(void *data, enum log_level level, const char *msg)
{
	(void)data;
	sink.fn(sink.data, (enum moat_log_level)level, msg);
}

void moat_set_log(moat_log_fn fn, void *data, enum moat_log_level most)
{
	_Static_assert((int)MOAT_LOG_ERROR == (int)LOG_LEVEL_ERROR &&
			       (int)MOAT_LOG_DEBUG == (int)LOG_LEVEL_DEBUG,
		       "the same levels");

	sink.fn = fn;
	sink.data = data;
	log_set_sink(fn ? to_sink : NULL, NULL);
	log_set_level((enum log_level)most);
}

int moat_set_program(const char *path, struct moat_error *err)
{
	return moat_paths_set(path, api_err(err));
}

/* ---- the handle ---- */

struct moat *moat_new(void)
{
	struct moat *m = calloc(1, sizeof(*m));

	if (m)
		m->rt.root = MOAT_DEFAULT_ROOT;
	return m;
}

void moat_free(struct moat *m)
{
	int saved = errno;

	if (!m)
		return;
	free(m->root);
	free(m->config);
	free(m);
	errno = saved;
}

static void set(struct moat *m, char **where, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	m->failed = m->failed || (value && !copy);
	free(*where);
	*where = copy;
}

void moat_set_root(struct moat *m, const char *path)
{
	if (!m)
		return;
	set(m, &m->root, path);
	m->rt.root = m->root ? m->root : MOAT_DEFAULT_ROOT;
}

void moat_set_configuration(struct moat *m, const char *path)
{
	if (!m)
		return;
	set(m, &m->config, path);
	m->rt.config = m->config;
}

void moat_set_debug(struct moat *m, bool debug)
{
	if (m)
		m->rt.debug = debug;
}

void moat_set_systemd_cgroup(struct moat *m, bool systemd)
{
	if (m)
		m->rt.systemd_cgroup = systemd;
}

int api_ready(const struct moat *m, struct err *err)
{
	return !m || m->failed ? err_errno(err, ENOMEM, "handle") : 0;
}

int api_open(const struct moat *m, const char *id, struct container *ret, struct err *err)
{
	int r = api_ready(m, err);

	if (r >= 0)
		r = container_open(&m->rt, id, false, ret, err);
	if (r < 0)
		return r;
	return ret->status == STATUS_CREATING ?
		       err_set(err, EBUSY, "container '%s' is still being created", id) :
		       0;
}

/* ---- texts ---- */

int api_text(char *text, char **ret, const char *what, struct err *err)
{
	if (!text)
		return err_errno(err, ENOMEM, "%s", what);
	*ret = text;
	return 0;
}

int api_json(json_t *v, int indent, char **ret, const char *what, struct err *err)
{
	_json_ json_t *own = v;
	char *text = NULL;

	if (own)
		text = indent ? js_dump_pretty(own, indent) : js_dump(own);
	return api_text(text, ret, what, err);
}
