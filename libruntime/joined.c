/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/joined.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "libruntime/monitor_client.h"
#include "libruntime/plug.h"
#include "libruntime/status.h"
#include "libruntime/trees.h"
#include "libruntime/vfio_jail.h"

#define ENDING_MS 3000 /* a VM that is being taken down */

int joined_remove(int dir, const struct state *s, bool force, struct err *err)
{
	_json_ json_t *params = json_pack("{s:s, s:b}", "id", s->id, "force", (int)force);
	_close_ int monitor = status_open_process(s, &s->monitor);
	const struct monitor_ref ref = { s->monitor.pid, monitor };
	struct err why = {};
	int r;

	if (monitor < 0)
		return 0;
	r = monitor_request(dir, "delete", params, MONITOR_REQUEST_MS, NULL, &why);
	/* -ENOENT: it has not got that far. */
	if (r >= 0 || r == -ENOENT) {
		plug_out_all(dir, s->id);
		r = vfio_jail_remove(&ref, s->id, &why);
		if (r >= 0)
			r = trees_clear_share(&ref, MONITOR_SHARE, s->id, &why);
	}
	if (r < 0 && proc_wait_end(monitor, ENDING_MS) < 0)
		return err_set(err, why.code, "sandbox '%s': %s", s->sandbox, why.msg);
	return 0;
}
