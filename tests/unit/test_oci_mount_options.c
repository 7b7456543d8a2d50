/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "oci/mount_options.h"
#include "tests/unit/unit.h"

static void flags_done(struct oci_mount_flags *f)
{
	oci_mount_flags_done(f);
}

/* Options as one word list separated by spaces. */
static struct oci_mount_flags parse(const char *words)
{
	struct oci_mount_flags f = { 0 };
	struct err err = { 0 };
	_free_ char *copy = strdup(words);
	_strv_ char **options = NULL;
	char *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		ck_assert_int_eq(strv_add(&options, w), 0);
	unit_ok(oci_mount_flags_parse(options, &f, &err), &err);
	return f;
}

START_TEST(flags)
{
	static const struct {
		const char *words;
		unsigned long set, clear, propagation;
		const char *data;
	} cases[] = {
		{ "", 0, 0, 0, NULL },
		{ "defaults", 0, 0, 0, NULL },
		{ "nosuid noexec nodev ro", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, 0, 0,
		  NULL },
		{ "nosuid strictatime mode=755 size=65536k", MS_NOSUID | MS_STRICTATIME, 0, 0,
		  "mode=755,size=65536k" },
		{ "ro rw", 0, MS_RDONLY, 0, NULL },
		{ "rw ro", MS_RDONLY, 0, 0, NULL },
		{ "noatime relatime", MS_RELATIME, 0, 0, NULL },
		{ "noatime atime", 0, MS_NOATIME, 0, NULL },
		{ "suid dev exec", 0, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, NULL },
		{ "sync async", 0, MS_SYNCHRONOUS, 0, NULL },
		{ "acl iversion lazytime mand dirsync silent nosymfollow remount",
		  MS_POSIXACL | MS_I_VERSION | MS_LAZYTIME | MS_MANDLOCK | MS_DIRSYNC | MS_SILENT |
			  MS_NOSYMFOLLOW | MS_REMOUNT,
		  0, 0, NULL },
		{ "noacl noiversion nolazytime nomand loud symfollow nodiratime diratime norelatime nostrictatime",
		  0,
		  MS_POSIXACL | MS_I_VERSION | MS_LAZYTIME | MS_MANDLOCK | MS_SILENT |
			  MS_NOSYMFOLLOW | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME,
		  0, NULL },
		{ "rprivate", 0, 0, MS_PRIVATE | MS_REC, NULL },
		{ "rprivate slave", 0, 0, MS_SLAVE, NULL },
		{ "unbindable", 0, 0, MS_UNBINDABLE, NULL },
		{ "runbindable", 0, 0, MS_UNBINDABLE | MS_REC, NULL },
		{ "shared", 0, 0, MS_SHARED, NULL },
		{ "RO Ro ro=1", 0, 0, 0, "RO,Ro,ro=1" },
		{ "newinstance ptmxmode=0666 gid=5", 0, 0, 0, "newinstance,ptmxmode=0666,gid=5" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(flags_done) struct oci_mount_flags f = parse(cases[i].words);

		ck_assert_msg(f.set == cases[i].set, "%s: set %lx", cases[i].words, f.set);
		ck_assert_msg(f.clear == cases[i].clear, "%s: clear %lx", cases[i].words, f.clear);
		ck_assert_msg(f.propagation == cases[i].propagation, "%s", cases[i].words);
		ck_assert_msg(!f.bind && !f.recursive && !f.tmpcopyup && !f.idmap, "%s",
			      cases[i].words);
		ck_assert_pstr_eq(f.data, cases[i].data);
	}
}
END_TEST

START_TEST(recursive_attributes)
{
	static const struct {
		const char *words;
		uint64_t set, clr;
	} cases[] = {
		{ "rro", MOUNT_ATTR_RDONLY, 0 },
		{ "rrw", 0, MOUNT_ATTR_RDONLY },
		{ "rro rrw", 0, MOUNT_ATTR_RDONLY },
		{ "rrw rro", MOUNT_ATTR_RDONLY, 0 },
		{ "rnosuid rnodev rnoexec rnodiratime rnosymfollow",
		  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODIRATIME |
			  MOUNT_ATTR_NOSYMFOLLOW,
		  0 },
		{ "rsuid rdev rexec rdiratime rsymfollow", 0,
		  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODIRATIME |
			  MOUNT_ATTR_NOSYMFOLLOW },
		/* mount_setattr(2) wants the whole field of the access time cleared */
		{ "rnoatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
		{ "rstrictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ "rrelatime", 0, MOUNT_ATTR__ATIME },
		{ "rnoatime rrelatime", 0, MOUNT_ATTR__ATIME },
		{ "rnoatime ratime", 0, MOUNT_ATTR__ATIME },
		{ "rnoatime rstrictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ "rnostrictatime", 0, MOUNT_ATTR__ATIME },
		{ "rnorelatime", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(flags_done) struct oci_mount_flags f = parse(cases[i].words);

		ck_assert_msg(f.rec_attr_set == cases[i].set, "%s: %lx", cases[i].words,
			      (long)f.rec_attr_set);
		ck_assert_msg(f.rec_attr_clr == cases[i].clr, "%s: %lx", cases[i].words,
			      (long)f.rec_attr_clr);
		ck_assert_msg(!f.set && !f.clear && !f.data, "%s", cases[i].words);
	}
}
END_TEST

START_TEST(special)
{
	_cleanup_(flags_done) struct oci_mount_flags bind = parse("bind ro"),
						     rbind = parse("rbind bind");
	_cleanup_(flags_done) struct oci_mount_flags copy = parse("tmpcopyup size=1"),
						     idmap = parse("idmap"),
						     ridmap = parse("ridmap");
	struct oci_mount_flags none;

	ck_assert(bind.bind && !bind.recursive && bind.set == MS_RDONLY);
	ck_assert(rbind.bind && rbind.recursive && !rbind.set);
	ck_assert(copy.tmpcopyup);
	ck_assert_str_eq(copy.data, "size=1");
	ck_assert(idmap.idmap && ridmap.idmap && !idmap.data && !bind.idmap);
	ck_assert_int_eq(oci_mount_flags_parse(NULL, &none, NULL), 0);
	ck_assert_ptr_null(none.data);
}
END_TEST

/* runc's list as `runc features` prints it (1.1.5). */
START_TEST(names)
{
	static const char golden[] =
		"acl async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noacl noatime "
		"nodev "
		"nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private "
		"ratime "
		"rbind rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime "
		"rnostrictatime "
		"rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow "
		"runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable ";
	_buf_ struct buf b = { 0 };

	for (int i = 0; oci_mount_option_names[i]; i++) {
		_cleanup_(flags_done) struct oci_mount_flags f = parse(oci_mount_option_names[i]);

		ck_assert_ptr_null(f.data);
		buf_printf(&b, "%s ", oci_mount_option_names[i]);
	}
	ck_assert_str_eq(b.data, golden);
}
END_TEST

UNIT_MAIN("oci_mount_options", flags, recursive_attributes, special, names)
