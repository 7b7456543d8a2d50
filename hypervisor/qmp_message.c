/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qmp_message.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

/* Past this much handed-out data the rest is moved to the front. */
#define COMPACT 65536

static const struct js_limits limits = { .max_bytes = QMP_MAX_LINE,
					 .max_depth = 32,
					 .max_values = 50000 };

void qmp_lines_done(struct qmp_lines *l)
{
	buf_done(&l->buf);
	*l = (struct qmp_lines){ 0 };
}

static int too_long(struct err *err)
{
	return err_set(err, EMSGSIZE, "qmp line of more than %d bytes", QMP_MAX_LINE);
}

static void compact(struct qmp_lines *l)
{
	if (l->start == l->buf.len) {
		buf_reset(&l->buf);
	} else if (l->start >= COMPACT) {
		l->buf.len -= l->start;
		memmove(l->buf.data, l->buf.data + l->start, l->buf.len);
		l->buf.data[l->buf.len] = '\0';
	} else {
		return;
	}
	l->scanned -= l->start;
	l->start = 0;
}

int qmp_lines_add(struct qmp_lines *l, const void *data, size_t len, struct err *err)
{
	compact(l);
	/* What is there is an unfinished line, or lines nobody took yet; neither may grow without bound. */
	if (l->buf.len - l->start > QMP_MAX_LINE + COMPACT || len > QMP_MAX_LINE)
		return too_long(err);
	buf_append(&l->buf, data, len);
	if (!buf_ok(&l->buf))
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int qmp_lines_next(struct qmp_lines *l, const char **ret_line, size_t *ret_len, struct err *err)
{
	const char *line, *end = NULL;
	size_t len;

	if (l->scanned < l->buf.len)
		end = memchr(l->buf.data + l->scanned, '\n', l->buf.len - l->scanned);
	if (!end) {
		l->scanned = l->buf.len;
		return l->buf.len - l->start > QMP_MAX_LINE ? too_long(err) : 0;
	}
	line = l->buf.data + l->start;
	len = (size_t)(end - line);
	l->start += len + 1;
	l->scanned = l->start;
	if (len > QMP_MAX_LINE)
		return too_long(err);
	if (len > 0 && line[len - 1] == '\r')
		len--;
	*ret_line = line;
	*ret_len = len;
	return 1;
}

static int parse_reply(struct qmp_message *m, struct err *err)
{
	json_t *id = json_object_get(m->doc, "id");

	if (id && (js_u64(id, &m->id) < 0 || m->id == 0))
		return err_set(err, EPROTO, "qmp reply with an id that is not ours");
	m->body = json_object_get(m->doc, "return");
	if (m->body) {
		m->kind = QMP_RETURN;
		return 0;
	}
	m->kind = QMP_ERROR;
	m->body = json_object_get(m->doc, "error");
	m->text = js_get_str(m->body, "desc");
	m->class = js_get_str(m->body, "class");
	if (!m->text)
		return err_set(err, EPROTO, "qmp error without a description");
	if (!m->class)
		m->class = "";
	return 0;
}

static int parse(struct qmp_message *m, struct err *err)
{
	json_t *body;

	if (!json_is_object(m->doc))
		return err_set(err, EPROTO, "qmp line is not an object");
	body = json_object_get(m->doc, "QMP");
	if (body) {
		m->kind = QMP_GREETING;
		m->body = body;
		return json_is_object(body) ? 0 : err_set(err, EPROTO, "malformed qmp greeting");
	}
	if (json_object_get(m->doc, "event")) {
		m->kind = QMP_EVENT;
		m->text = js_get_str(m->doc, "event");
		m->body = json_object_get(m->doc, "data");
		if (!m->text || (m->body && !json_is_object(m->body)))
			return err_set(err, EPROTO, "malformed qmp event");
		return 0;
	}
	if (json_object_get(m->doc, "return") || json_is_object(json_object_get(m->doc, "error")))
		return parse_reply(m, err);
	return err_set(err, EPROTO, "qmp line is neither greeting, reply nor event");
}

int qmp_parse(const char *line, size_t len, struct qmp_message *ret, struct err *err)
{
	struct qmp_message m = { .text = "", .class = "" };
	struct err why = { 0 };
	int r;

	r = js_parse(line, len, &limits, &m.doc, &why);
	if (r < 0)
		return err_set(err, r == -ENOMEM ? ENOMEM : EPROTO, "malformed qmp line: %s",
			       why.msg);
	r = parse(&m, err);
	if (r < 0) {
		qmp_message_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void qmp_message_done(struct qmp_message *m)
{
	json_decref(m->doc);
	*m = (struct qmp_message){ 0 };
}
