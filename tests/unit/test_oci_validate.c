/* SPDX-License-Identifier: Apache-2.0 */
/* Patches on the smallest document, and what validation says: NULL for accepted. */
#include "oci/validate.h"
#include "base/str.h"
#include "oci/sched.h"
#include "tests/unit/test_oci.h"

struct row {
	const char *patch, *message;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_json_ json_t *doc = minimal(rows[i].patch);
		struct err err = { 0 };
		int r = oci_config_from_json(doc, NULL, NULL, &c, &err);

		if (!rows[i].message) {
			ck_assert_msg(r == 0, "%s: %s", rows[i].patch, err.msg);
			continue;
		}
		ck_assert_msg(r < 0 && r == -err.code, "%s: %d", rows[i].patch, r);
		ck_assert_msg(strstr(err.msg, rows[i].message) != NULL, "%s: \"%s\" lacks \"%s\"",
			      rows[i].patch, err.msg, rows[i].message);
	}
}

#define CHECK_ROWS(...)                                           \
	do {                                                      \
		static const struct row rows[] = { __VA_ARGS__ }; \
		check_rows(rows, ARRAY_SIZE(rows));               \
	} while (0)

START_TEST(versions)
{
	static const char *const good[] = {
		"1.0.0",  "1.2.0",   "1.0.0-rc2-dev", "1.0.2-dev", "1.3.0-rc.1+build.5",
		"1.99.7", "1.0.0+x", "1.0.123456789"
	};
	static const char *const bad[] = { "",
					   "1",
					   "1.0",
					   "1.0.0.0",
					   "v1.0.0",
					   "1.0.0-",
					   "1.0.0+",
					   "1.0.0-a..b",
					   "1.0.x",
					   " 1.0.0",
					   "1.0.0 ",
					   "01.0.0",
					   "1.00.0",
					   "1.0.0-\n",
					   "-1.0.0",
					   "junk",
					   "1..0",
					   "4294967297.0.0",
					   "1x0x0",
					   "1.0.1234567890",
					   "1.0.99999999999999999999",
					   "1.0.0-a+b+c",
					   "1.0.0-\xc3\xa9" };
	static const char *const other[] = { "0.1.0", "0.5.0-dev", "2.0.0", "10.0.0", "2.0.0-rc1" };
	_json_ json_t *doc = minimal(NULL);
	struct oci_config *c = NULL;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		json_object_set_new(doc, "ociVersion", json_string(good[i]));
		unit_ok(oci_config_from_json(doc, NULL, NULL, &c, &err), &err);
		oci_config_freep(&c);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_object_set_new(doc, "ociVersion", json_string(bad[i]));
		unit_fails(oci_config_from_json(doc, NULL, NULL, &c, &err), EINVAL, &err,
			   "ociVersion: \"");
	}
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		json_object_set_new(doc, "ociVersion", json_string(other[i]));
		unit_fails(oci_config_from_json(doc, NULL, NULL, &c, &err), EINVAL, &err,
			   "ociVersion: version");
	}
}
END_TEST

START_TEST(process)
{
	CHECK_ROWS({ "{}", NULL },
		   { "{\"process\":{\"args\":[]}}", "process.args must not be empty" },
		   { "{\"process\":{\"args\":[\"\"]}}", "process.args[0] must not be empty" },
		   { "{\"process\":{\"args\":[\"a\",\"\"]}}", NULL },
		   { "{\"process\":{\"args\":[null]}}", "process.args[0]" },
		   { "{\"process\":{\"cwd\":\"\"}}", "process.cwd must be an absolute path" },
		   { "{\"process\":{\"cwd\":\"tmp\"}}", "process.cwd must be an absolute path" },
		   { "{\"process\":{\"env\":[]}}", NULL },
		   { "{\"process\":{\"env\":[\"A=\",\"B==\"]}}", NULL },
		   { "{\"process\":{\"env\":[\"A=1\",\"B\"]}}",
		     "process.env[1]: invalid environment variable: missing '='" },
		   { "{\"process\":{\"env\":[\"=x\"]}}",
		     "process.env[0]: invalid environment variable: name cannot be empty" },
		   { "{\"process\":{\"env\":[\"\"]}}", "process.env[0]" },
		   { "{\"process\":{\"oomScoreAdj\":1000}}", NULL },
		   { "{\"process\":{\"oomScoreAdj\":1001}}", "process.oomScoreAdj" },
		   { "{\"process\":{\"oomScoreAdj\":-1001}}", "process.oomScoreAdj" },
		   { "{\"process\":{\"consoleSize\":{\"height\":65535,\"width\":0}}}", NULL },
		   { "{\"process\":{\"consoleSize\":{\"height\":65535,\"width\":65535}}}", NULL },
		   { "{\"process\":{\"consoleSize\":{\"height\":65536}}}",
		     "process.consoleSize.height" },
		   { "{\"process\":{\"consoleSize\":{\"width\":65536}}}",
		     "process.consoleSize.width" });
}
END_TEST

/* What decoding cannot leave behind, but another caller could. */
START_TEST(incomplete_process)
{
	char word[] = "a", root[] = "/", *none[] = { NULL }, *one[] = { word, NULL };
	struct oci_process p = { 0 };
	struct err err = { 0 };

	unit_fails(oci_process_validate(&p, "x", &err), EINVAL, &err, "x.args must not be empty");
	p.args = none;
	unit_fails(oci_process_validate(&p, "x", &err), EINVAL, &err, "x.args must not be empty");
	p.args = one;
	unit_fails(oci_process_validate(&p, "x", &err), EINVAL, &err,
		   "x.cwd must be an absolute path");
	p.cwd = root;
	unit_ok(oci_process_validate(&p, "x", &err), &err);
}
END_TEST

START_TEST(users)
{
	CHECK_ROWS({ "{\"process\":{\"user\":{\"uid\":4294967294,\"gid\":4294967294}}}", NULL },
		   { "{\"process\":{\"user\":{\"uid\":4294967295}}}", "process.user.uid" },
		   { "{\"process\":{\"user\":{\"gid\":4294967295}}}", "process.user.gid" },
		   { "{\"process\":{\"user\":{\"uid\":-1}}}", "process.user.uid" },
		   { "{\"process\":{\"user\":{\"uid\":4294967296}}}", "process.user.uid" },
		   { "{\"process\":{\"user\":{\"additionalGids\":[1,4294967295]}}}",
		     "process.user.additionalGids[1]" });
}
END_TEST

START_TEST(many_groups)
{
	for (size_t n = 65536; n <= 65537; n++) {
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_json_ json_t *doc = minimal("{\"process\":{\"user\":{}}}"), *gids = json_array();
		struct err err = { 0 };

		for (size_t i = 0; i < n; i++)
			json_array_append_new(gids, json_integer((json_int_t)i));
		json_object_set(json_object_get(json_object_get(doc, "process"), "user"),
				"additionalGids", gids);
		ck_assert_int_eq(oci_config_from_json(doc, NULL, NULL, &c, &err) == 0, n == 65536);
		ck_assert(n == 65536 || strstr(err.msg, "process.user.additionalGids"));
	}
}
END_TEST

#define RLIMIT(...) "{\"process\":{\"rlimits\":[" __VA_ARGS__ "]}}"

START_TEST(rlimits)
{
	CHECK_ROWS(
		{ RLIMIT(""), NULL },
		{ RLIMIT("{\"type\":\"RLIMIT_AS\",\"soft\":18446744073709551615,\"hard\":18446744073709551615}"),
		  NULL },
		{ RLIMIT("{\"type\":\"RLIMIT_AS\",\"soft\":2,\"hard\":1}"),
		  "process.rlimits[0].soft" },
		{ RLIMIT("{\"type\":\"RLIMIT_FOO\",\"soft\":1,\"hard\":1}"),
		  "invalid rlimit type \"RLIMIT_FOO\"" },
		{ RLIMIT("{\"type\":\"\",\"soft\":1,\"hard\":1}"), "process.rlimits[0].type" },
		{ RLIMIT("{\"type\":\"nofile\",\"soft\":1,\"hard\":1}"), "process.rlimits[0].type" },
		{ RLIMIT("{\"type\":\"RLIMIT_AS\",\"hard\":1}"),
		  "process.rlimits[0].soft is required" },
		{ RLIMIT("{\"type\":\"RLIMIT_AS\",\"soft\":1}"),
		  "process.rlimits[0].hard is required" },
		{ RLIMIT("{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CPU\",\"soft\":1,"
			 "\"hard\":1},"
			 "{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":1}"),
		  "process.rlimits[2].type: RLIMIT_AS is given twice" });
}
END_TEST

#define X64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(host_names)
{
	CHECK_ROWS(
		{ "{\"hostname\":\"" X64 "\",\"domainname\":\"a.b\"}", NULL },
		{ "{\"hostname\":\"" X64 "x\"}", "hostname is longer than 64 bytes" },
		{ "{\"domainname\":\"" X64 "x\"}", "domainname is longer than 64 bytes" },
		{ "{\"hostname\":\"a\\nb\"}", "hostname contains" },
		{ "{\"hostname\":\"a/b\"}", "hostname contains" },
		{ "{\"hostname\":\"a\\u007f\"}", "hostname contains" },
		{ "{\"domainname\":\"a\\tb\"}", "domainname contains" },
		{ "{\"hostname\":\"\"}", NULL },
		{ "{\"hostname\":\"a\",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},"
		  "{\"type\":\"mount\"}]}}",
		  "unable to set hostname without a private UTS namespace" },
		{ "{\"domainname\":\"a\",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},"
		  "{\"type\":\"mount\"}]}}",
		  "unable to set domainname without a private UTS namespace" },
		{ "{\"hostname\":\"\",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},"
		  "{\"type\":\"mount\"}]}}",
		  NULL });
}
END_TEST

#define NS(...) "{\"linux\":{\"namespaces\":[" __VA_ARGS__ "]}}"
#define T(type) "{\"type\":\"" type "\"}"
#define P(type, path) "{\"type\":\"" type "\",\"path\":\"" path "\"}"

START_TEST(namespaces)
{
	CHECK_ROWS({ NS(T("pid") "," T("network") "," T("mount")), NULL },
		   { NS(T("pid") "," T("network") "," T("mount") "," T("cgroup") "," T(
			     "time") "," T("ipc")),
		     NULL },
		   { NS(P("pid", "/proc/1/ns/pid") "," P("network", "/x") "," T("mount")), NULL },
		   { NS(T("network") "," T("mount")),
		     "linux.namespaces: the host's processes cannot be shared with a VM "
		     "(add a \"pid\" namespace)" },
		   { NS(T("pid") "," T("mount")),
		     "linux.namespaces: the host's network cannot be shared with a VM "
		     "(add a \"network\" namespace)" },
		   { NS(T("pid") "," T("network")),
		     "linux.namespaces: the host's mounts cannot be shared with a VM "
		     "(add a \"mount\" namespace)" },
		   { "{\"linux\":null}", "linux.namespaces: the host's network" },
		   { NS(T("pid") "," T("net")),
		     "linux.namespaces[1].type: namespace \"net\" does not exist" },
		   { NS(T("")), "linux.namespaces[0].type" },
		   { NS(T("pid") "," T("network") "," T("mount") "," T("pid")),
		     "linux.namespaces[3].type: duplicated namespace \"pid\"" },
		   { NS(P("pid", "proc/1/ns/pid")),
		     "linux.namespaces[0].path must be an absolute path" },
		   { NS(P("mount", "/proc/1/ns/mnt")),
		     "linux.namespaces[0].path: a VM cannot join a mount namespace" });
}
END_TEST

#define SYSCTL(key, value) "{\"linux\":{\"sysctl\":{\"" key "\":\"" value "\"}}}"
#define NO_IPC(key)                                                     \
	"{\"linux\":{\"namespaces\":[" T("pid") "," T("network") "," T( \
		"mount") "],\"sysctl\":{\"" key "\":\"1\"}}}"

START_TEST(sysctls)
{
	CHECK_ROWS({ SYSCTL("net.ipv4.ip_forward", "1"), NULL },
		   { SYSCTL("net/ipv4/ip_forward", "1"), NULL },
		   { SYSCTL("net.ipv4.ping_group_range", "0 2147483647"), NULL },
		   { SYSCTL("net.ipv4.tcp_rmem", "4096\\t87380\\t6291456"), NULL },
		   { SYSCTL("kernel.msgmax", "1"), NULL },
		   { SYSCTL("kernel/shm_rmid_forced", "1"), NULL },
		   { SYSCTL("fs.mqueue.msg_max", "1"), NULL },
		   { SYSCTL("kernel.domainname", "x"), NULL },
		   { SYSCTL("net.ipv4.conf.eno2/100.rp_filter", "1"), NULL },
		   { SYSCTL("kernel.hostname", "x"), "conflicts with the OCI \"hostname\" field" },
		   { SYSCTL("kernel.panic", "1"),
		     "\"kernel.panic\" is not in a separate kernel namespace" },
		   { SYSCTL("kernel.core_pattern", "|/x"), "not in a separate" },
		   { SYSCTL("vm.swappiness", "1"), "not in a separate" },
		   { SYSCTL("fs.file-max", "1"), "not in a separate" },
		   { SYSCTL("kernel.shm", "1"), "not in a separate" },
		   { SYSCTL("kernel.msgmaxx", "1"), "not in a separate" },
		   { SYSCTL("network.x", "1"), "not in a separate" },
		   { SYSCTL("net", "1"), "not in a separate" },
		   { SYSCTL("net.", "1"), "not the name" }, { SYSCTL("", "1"), "not the name" },
		   { SYSCTL("/net/ipv4/x", "1"), "not the name" },
		   { SYSCTL("net/../kernel/panic", "1"), "not the name" },
		   { SYSCTL("net/./x", "1"), "not the name" },
		   { SYSCTL("net//x", "1"), "not the name" },
		   { SYSCTL("net.//.kernel.panic", "1"), "not the name" },
		   { SYSCTL("net..x", "1"), "not the name" },
		   { SYSCTL("net.ipv4/../x", "1"), "not the name" },
		   { SYSCTL("net.ipv4. x", "1"), "not the name" },
		   { SYSCTL("net.ipv4.ip_forward", "1\\n2"), "control character" },
		   { SYSCTL("net.ipv4.ip_forward", "1\\u007f"), "control character" },
		   { "{\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":1}}}",
		     "linux.sysctl.net.ipv4.ip_forward" },
		   { NO_IPC("kernel.sem"), "not allowed in the hosts ipc namespace" },
		   { NO_IPC("fs.mqueue.x"), "not allowed in the hosts ipc namespace" },
		   { NO_IPC("kernel.domainname"), "not in a separate kernel namespace" },
		   { NO_IPC("net.core.somaxconn"), NULL });
}
END_TEST

START_TEST(mounts)
{
	CHECK_ROWS(
		{ "{\"mounts\":[]}", NULL }, { "{\"mounts\":[{\"destination\":\"/x\"}]}", NULL },
		{ "{\"mounts\":[{\"destination\":\"\"}]}",
		  "mounts[0].destination must not be empty" },
		{ "{\"mounts\":[{}]}", "mounts[0].destination is required" },
		{ "{\"mounts\":[{\"destination\":\"/x\",\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]}",
		  "mounts[0].uidMappings: idmapped mounts are not supported" },
		{ "{\"mounts\":[{\"destination\":\"/x\",\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]}",
		  "mounts[0].gidMappings: idmapped mounts are not supported" },
		{ "{\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]}",
		  "mounts[0].source is required" },
		{ "{\"mounts\":[{\"destination\":\"/x\",\"source\":\"\",\"options\":[\"rbind\"]}]}",
		  "mounts[0].source is required" },
		{ "{\"mounts\":[{\"destination\":\"/x\",\"source\":\"a\",\"options\":[\"bind\",\"junk\",\"\"]}]}",
		  NULL });
}
END_TEST

#define DEVICE(members) "{\"linux\":{\"devices\":[{" members "}]}}"

START_TEST(devices)
{
	CHECK_ROWS(
		{ DEVICE("\"type\":\"b\",\"path\":\"/x/y\",\"major\":241,\"minor\":0"), NULL },
		{ DEVICE("\"type\":\"u\",\"path\":\"/dev/x\",\"major\":4294967295,\"minor\":4294967295"),
		  NULL },
		{ DEVICE("\"type\":\"p\",\"path\":\"/dev/x\",\"major\":-1"), NULL },
		{ DEVICE("\"type\":\"c\",\"path\":\"dev/x\""),
		  "linux.devices[0].path must be an absolute path" },
		{ DEVICE("\"type\":\"c\",\"path\":\"\""), "linux.devices[0].path" },
		{ DEVICE("\"type\":\"x\",\"path\":\"/dev/x\""), "linux.devices[0].type" },
		{ DEVICE("\"type\":\"bc\",\"path\":\"/dev/x\""), "linux.devices[0].type" },
		{ DEVICE("\"type\":\"\",\"path\":\"/dev/x\""), "linux.devices[0].type" },
		{ DEVICE("\"type\":\"c\",\"path\":\"/dev/x\",\"major\":-1"),
		  "linux.devices[0].major" },
		{ DEVICE("\"type\":\"b\",\"path\":\"/dev/x\",\"major\":4294967296"),
		  "linux.devices[0].major" },
		{ DEVICE("\"type\":\"c\",\"path\":\"/dev/x\",\"minor\":-1"),
		  "linux.devices[0].minor" },
		{ DEVICE("\"type\":\"c\",\"path\":\"/dev/x\",\"minor\":4294967296"),
		  "linux.devices[0].minor" });
}
END_TEST

START_TEST(scheduling)
{
	CHECK_ROWS(
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":-20}}}", NULL },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":99}}}", NULL },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":2,"
		  "\"period\":3,\"flags\":[\"SCHED_FLAG_RECLAIM\"]}}}",
		  NULL },
		{ "{\"process\":{\"scheduler\":{}}}", "process.scheduler.policy is required" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"FIFO\"}}}",
		  "process.scheduler.policy: invalid scheduler policy \"FIFO\"" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":20}}}",
		  "process.scheduler.nice must be from -20 to 19" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"priority\":1}}}",
		  "process.scheduler.priority can only be specified for SCHED_FIFO or SCHED_RR" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":-1}}}",
		  "process.scheduler.priority must not be negative" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_RR\",\"period\":1}}}",
		  "process.scheduler: runtime, deadline and period" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_RR\",\"flags\":[\"RECLAIM\"]}}}",
		  "process.scheduler.flags[0]: invalid scheduler flag \"RECLAIM\"" },
		{ "{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":7}}}",
		  NULL },
		{ "{\"process\":{\"ioPriority\":{\"priority\":7}}}",
		  "process.ioPriority.class: invalid class \"\"" },
		{ "{\"process\":{\"ioPriority\":{\"class\":\"RT\"}}}",
		  "process.ioPriority.class: invalid class \"RT\"" },
		{ "{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}}",
		  "process.ioPriority.priority must be from 0 to 7" },
		{ "{\"process\":{\"execCPUAffinity\":{\"initial\":\"\",\"final\":\"0-3,7\"}}}",
		  NULL },
		{ "{\"process\":{\"execCPUAffinity\":{\"initial\":\"x\"}}}",
		  "process.execCPUAffinity.initial: \"x\" is not a list" },
		{ "{\"process\":{\"execCPUAffinity\":{\"final\":\"0,\"}}}",
		  "process.execCPUAffinity.final: \"0,\" is not a list" });
}
END_TEST

START_TEST(cpu_lists)
{
	static const char *const bad[] = {
		"",       ",",          "1,", ",1",
		"-",      "1-",         "-1", "3-2",
		"1-2-3",  "0x1",        " 1", "1024",
		"0-1024", "4294967296", "a",  "00000000000000000000000000000000000"
	};
	cpu_set_t set;

	ck_assert_int_eq(oci_cpus_parse("0-2,5,1023", &set), 0);
	ck_assert_int_eq(CPU_COUNT(&set), 5);
	ck_assert(CPU_ISSET(0, &set) && CPU_ISSET(2, &set) && CPU_ISSET(5, &set) &&
		  CPU_ISSET(1023, &set));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(oci_cpus_parse(bad[i], &set) == -EINVAL, "\"%s\"", bad[i]);
	ck_assert_int_eq(CPU_COUNT(&set), 5);
}
END_TEST

#define WITH_NS(more) \
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"mount\"}" more "]"

START_TEST(time_and_personality)
{
	CHECK_ROWS(
		{ "{\"linux\":{\"timeOffsets\":null,\"personality\":null}}", NULL },
		{ "{\"linux\":{" WITH_NS(
			  ",{\"type\":\"time\"}") ",\"timeOffsets\":{\"boottime\":{\"secs\":-5}}}}",
		  NULL },
		{ "{\"linux\":{\"timeOffsets\":{\"boottime\":{\"secs\":5}}}}",
		  "linux.timeOffsets: unable to set time offsets without a private time namespace" },
		{ "{\"linux\":{" WITH_NS(
			  ",{\"type\":\"time\"}") ",\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}}}",
		  "linux.timeOffsets.boottime.nanosecs must be below 1000000000" },
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"time\",\"path\":\"/proc/1/ns/time\"}") "}}",
		  "linux.namespaces[3].path: a VM cannot join a time namespace" },
		{ "{\"linux\":{\"personality\":{\"domain\":\"LINUX32\"}}}", NULL },
		{ "{\"linux\":{\"personality\":{}}}", "linux.personality.domain is required" },
		{ "{\"linux\":{\"personality\":{\"domain\":\"BSD\"}}}",
		  "linux.personality.domain: \"BSD\" is neither LINUX nor LINUX32" },
		{ "{\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}}}",
		  "linux.personality.flags: no flag is defined" });
}
END_TEST

#define MAP(inner) "[{\"containerID\":" inner ",\"hostID\":100000,\"size\":1000}]"

START_TEST(user_namespaces)
{
	CHECK_ROWS(
		{ "{\"linux\":{\"uidMappings\":" MAP("0") "}}",
		  "linux.uidMappings: user namespace mappings specified, but USER namespace isn't enabled" },
		{ "{\"linux\":{\"gidMappings\":" MAP("0") "}}",
		  "linux.gidMappings: user namespace mappings specified, but USER namespace isn't enabled" },
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"user\"}") "}}",
		  "linux.uidMappings: user namespaces enabled, but no mappings" },
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"user\"}") ",\"uidMappings\":" MAP("0") "}}",
		  "linux.gidMappings: user namespaces enabled, but no mappings" },
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"user\"}") ",\"uidMappings\":" MAP(
			  "0") ",\"gidMappings\":" MAP("1") "}}",
		  "linux.gidMappings[0].containerID: root of the container (id 0) is not mapped" },
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"}") "}}",
		  "linux.namespaces[3].path: a VM cannot join a user namespace" },
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"user\"}") ",\"uidMappings\":" MAP(
			  "0") ",\"gidMappings\":" MAP("0") "}}",
		  NULL });
}
END_TEST

START_TEST(hooks)
{
	static const char *const lists[] = { "prestart",       "createRuntime", "createContainer",
					     "startContainer", "poststart",     "poststop" };

	CHECK_ROWS(
		{ "{\"linux\":{" WITH_NS(",{\"type\":\"user\"}") ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":4294967295}],\"gidMappings\":" MAP(
			  "0") "}}",
		  NULL },
		{ "{\"hooks\":{}}", NULL }, { "{\"hooks\":{\"prestart\":[]}}", NULL },
		{ "{\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":1}]}}", NULL });
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_free_ char *no_path = str_printf("{\"hooks\":{\"%s\":[{}]}}", lists[i]);
		_free_ char *relative = str_printf("{\"hooks\":{\"%s\":[{\"path\":\"x\"}]}}",
						   lists[i]);
		_free_ char *timeout = str_printf(
			"{\"hooks\":{\"%s\":[{\"path\":\"/x\",\"timeout\":0}]}}", lists[i]);
		_free_ char *name = str_printf("hooks.%s[0].", lists[i]);

		check_rows(&(struct row){ no_path, name }, 1);
		check_rows(&(struct row){ relative, name }, 1);
		check_rows(&(struct row){ timeout, name }, 1);
	}
}
END_TEST

START_TEST(rest_of_linux)
{
	CHECK_ROWS(
		{ "{\"linux\":{\"maskedPaths\":[\"/a\",\"b\"]}}",
		  "linux.maskedPaths[1] must be an absolute path" },
		{ "{\"linux\":{\"readonlyPaths\":[\"\"]}}",
		  "linux.readonlyPaths[0] must be an absolute path" },
		{ "{\"linux\":{\"rootfsPropagation\":\"rshared\"}}", NULL },
		{ "{\"linux\":{\"rootfsPropagation\":\"runbindable\"}}", NULL },
		{ "{\"linux\":{\"rootfsPropagation\":\"sideways\"}}",
		  "linux.rootfsPropagation: \"sideways\"" },
		{ "{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":0}]}}",
		  "linux.uidMappings[0].size" },
		{ "{\"linux\":{\"gidMappings\":[{\"containerID\":4294967295,\"hostID\":1,\"size\":2}]}}",
		  "linux.gidMappings[0] goes beyond" },
		{ "{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":4294967295,\"size\":2}]}}",
		  "linux.uidMappings[0] goes beyond" },
		{ "{\"linux\":{\"resources\":18446744073709551615}}",
		  "linux.resources must be an object" },
		{ "{\"linux\":{\"cgroupsPath\":\"\"}}", NULL },
		{ "{\"linux\":{\"cgroupsPath\":\"/a\\nunit b.scope\"}}",
		  "linux.cgroupsPath contains a control character" },
		{ "{\"root\":{\"path\":\"\"}}", "root.path must not be empty" },
		{ "{\"root\":null}", "root" },
		/* other platforms' sections and unknown keys are nobody's business */
		{ "{\"windows\":1,\"solaris\":[],\"vm\":\"x\",\"zos\":null,\"platform\":{},\"x\":{\"y\":[]},"
		  "\"linux\":{\"future\":1},\"process\":{\"commandLine\":\"x\"}}",
		  NULL });
}
END_TEST

START_TEST(container_ids)
{
	static const char *const good[] = { "a", "c1", "A_b+c-d.e", ".a", "...", "-x", "0", "+", "_" };
	static const char *const bad[] = { ".",    "..",  "/",    "a/b",      "../x",
					   "a\nb", "a b", "a,b",  "\xc3\xa9", "%s%n",
					   "a:b",  "a@b", "\x7f", "a\\b",     "*" };
	char id[1026];
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		unit_ok(oci_id_validate(good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		unit_fails(oci_id_validate(bad[i], &err), EINVAL, &err,
			   "invalid container ID format");
	unit_fails(oci_id_validate("", &err), EINVAL, &err, "container id cannot be empty");
	unit_fails(oci_id_validate(NULL, &err), EINVAL, &err, "container id cannot be empty");
	memset(id, 'x', sizeof(id));
	id[1025] = '\0';
	unit_fails(oci_id_validate(id, &err), EINVAL, &err, "invalid container ID format");
	id[1024] = '\0';
	unit_ok(oci_id_validate(id, &err), &err);
	ck_assert_int_eq(oci_id_validate("a/b", NULL), -EINVAL);
}
END_TEST

UNIT_MAIN("oci_validate", versions, process, incomplete_process, users, many_groups, rlimits,
	  host_names, namespaces, sysctls, mounts, devices, scheduling, cpu_lists,
	  time_and_personality, user_namespaces, hooks, rest_of_linux, container_ids)
