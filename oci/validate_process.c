/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "oci/names.h"
#include "oci/sched.h"
#include "oci/validate.h"

#define ID_NONE UINT32_MAX /* (uid_t)-1, "leave unchanged" to the kernel */
#define NGROUPS_LIMIT 65536 /* NGROUPS_MAX of the kernel */
#define OOM_SCORE_LIMIT 1000
#define WINSIZE_LIMIT 65535 /* unsigned short of struct winsize */

static int check_args(const struct oci_process *p, const char *path, struct err *err)
{
	if (!p->args || !p->args[0])
		return err_set(err, EINVAL, "%s.args must not be empty", path);
	if (!*p->args[0])
		return err_set(err, EINVAL, "%s.args[0] must not be empty", path);
	return 0;
}

static int check_cwd(const struct oci_process *p, const char *path, struct err *err)
{
	if (!p->cwd || p->cwd[0] != '/')
		return err_set(err, EINVAL, "%s.cwd must be an absolute path", path);
	return 0;
}

static int check_env(const struct oci_process *p, const char *path, struct err *err)
{
	for (size_t i = 0; p->env && p->env[i]; i++) {
		const char *eq = strchr(p->env[i], '=');

		if (!eq)
			return err_set(err, EINVAL,
				       "%s.env[%zu]: invalid environment variable: missing '='",
				       path, i);
		if (eq == p->env[i])
			return err_set(
				err, EINVAL,
				"%s.env[%zu]: invalid environment variable: name cannot be empty",
				path, i);
	}
	return 0;
}

static int check_user(const struct oci_process *p, const char *path, struct err *err)
{
	const struct oci_user *u = &p->user;

	if (u->uid == ID_NONE)
		return err_set(err, EINVAL, "%s.user.uid: %u is not a user id", path, u->uid);
	if (u->gid == ID_NONE)
		return err_set(err, EINVAL, "%s.user.gid: %u is not a group id", path, u->gid);
	if (u->n_additional_gids > NGROUPS_LIMIT)
		return err_set(err, EINVAL, "%s.user.additionalGids has more than %d elements",
			       path, NGROUPS_LIMIT);
	for (size_t i = 0; i < u->n_additional_gids; i++)
		if (u->additional_gids[i] == ID_NONE)
			return err_set(err, EINVAL,
				       "%s.user.additionalGids[%zu]: %u is not a group id", path, i,
				       u->additional_gids[i]);
	return 0;
}

static int check_rlimits(const struct oci_process *p, const char *path, struct err *err)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct oci_rlimit *l = &p->rlimits[i];
		int number = oci_rlimit_number(l->type);

		if (number < 0)
			return err_set(err, EINVAL,
				       "%s.rlimits[%zu].type: invalid rlimit type \"%s\"", path, i,
				       l->type);
		if (seen & (1u << number))
			return err_set(err, EINVAL, "%s.rlimits[%zu].type: %s is given twice", path,
				       i, l->type);
		if (l->soft > l->hard)
			return err_set(err, EINVAL,
				       "%s.rlimits[%zu].soft is greater than the hard limit", path,
				       i);
		seen |= 1u << number;
	}
	return 0;
}

static int check_numbers(const struct oci_process *p, const char *path, struct err *err)
{
	const struct oci_console_size *size = p->console_size;

	if (p->oom_score_adj < -OOM_SCORE_LIMIT || p->oom_score_adj > OOM_SCORE_LIMIT)
		return err_set(err, EINVAL, "%s.oomScoreAdj must be between -%d and %d", path,
			       OOM_SCORE_LIMIT, OOM_SCORE_LIMIT);
	if (size && (size->height > WINSIZE_LIMIT || size->width > WINSIZE_LIMIT))
		return err_set(err, EINVAL, "%s.consoleSize.%s must be at most %d", path,
			       size->height > WINSIZE_LIMIT ? "height" : "width", WINSIZE_LIMIT);
	return 0;
}

int oci_process_validate(const struct oci_process *p, const char *path, struct err *err)
{
	static int (*const checks[])(const struct oci_process *, const char *, struct err *) = {
		check_args,    check_cwd,     check_env,          check_user,
		check_rlimits, check_numbers, oci_sched_validate,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int r = checks[i](p, path, err);

		if (r < 0)
			return r;
	}
	return 0;
}
