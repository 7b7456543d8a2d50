/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `resize`: which steps follow from which demands, and who is answered when. Hypervisor, agent and clients are
 * this file's own: each step is noted, and goes on when the test says so.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "hypervisor/hv.h"
#include "monitor/agent.h"
#include "monitor/resize.h"
#include "monitor/vm.h"

static struct buf seen; /* what happened, a line each */
static struct hv_ops ops;
static struct hv hv = { .ops = &ops };
static struct monitor m;
static struct client client = { .m = &m }, other = { .m = &m };
static hv_done_fn pending_hv;
static agent_reply_fn pending_agent;
static int refuse; /* the hypervisor's next call fails with that */

/* ---- the parts around it ---- */

void client_result(struct client *c, uint32_t id, json_t *result)
{
	buf_printf(&seen, "%s %u: %lld MiB, %lld\n", c == &client ? "client" : "other", id,
		   (long long)json_integer_value(json_object_get(result, "memory")),
		   (long long)json_integer_value(json_object_get(result, "vcpus")));
}

void client_error(struct client *c, uint32_t id, const struct err *err)
{
	buf_printf(&seen, "%s %u: %s\n", c == &client ? "client" : "other", id, err->msg);
}

void vm_fail(struct monitor *mon, const struct err *err)
{
	buf_printf(&seen, "vm fails: %s\n", err->msg);
	mon->phase = VM_ENDED;
}

int agent_call(struct agent *a, const char *method, json_t *params, int timeout_ms,
	       agent_reply_fn reply, void *data, struct err *err)
{
	(void)a;
	(void)timeout_ms;
	(void)err;
	ck_assert_ptr_eq(data, &m);
	ck_assert_ptr_null(pending_agent);
	buf_printf(&seen, "%s %lld %lld\n", method,
		   (long long)json_integer_value(json_object_get(params, "more_memory")),
		   (long long)json_integer_value(json_object_get(params, "vcpus")));
	json_decref(params);
	pending_agent = reply;
	return 0;
}

static int step(const char *what, uint32_t n, hv_done_fn done, struct err *err)
{
	ck_assert_ptr_null(pending_hv);
	buf_printf(&seen, "%s %u\n", what, n);
	if (refuse)
		return err_set(err, refuse, "no %s", what);
	pending_hv = done;
	return 0;
}

static int set_memory(struct hv *h, uint32_t more, hv_done_fn done, void *data, struct err *err)
{
	(void)h;
	(void)data;
	return step("memory", more, done, err);
}

static int add_vcpu(struct hv *h, hv_done_fn done, void *data, struct err *err)
{
	(void)h;
	(void)data;
	return step("vcpu", 1, done, err);
}

/* ---- the test's own ---- */

static void a_vm(enum vm_phase phase)
{
	ops = (struct hv_ops){ .set_memory = set_memory, .add_vcpu = add_vcpu };
	m = (struct monitor){ .phase = phase,
			      .hv = &hv,
			      .setup = { .memory = 256,
					 .base_memory = 256,
					 .max_memory = 1024,
					 .vcpus = 1,
					 .base_vcpus = 1,
					 .max_vcpus = 4 } };
}

static void ends(void)
{
	const struct err gone = { .code = ESRCH, .msg = "gone" };

	m.phase = VM_ENDING;
	resize_vm_ended(&m, &gone);
	ck_assert_ptr_null(m.resize);
	buf_done(&seen);
}

static void saw(const char *want)
{
	ck_assert_str_eq(seen.data ? seen.data : "", want);
	buf_reset(&seen);
	if (seen.data)
		*seen.data = '\0';
}

static void hv_done(int code)
{
	struct err err = { .code = code };
	hv_done_fn fn = pending_hv;

	ck_assert_ptr_nonnull(fn);
	if (code)
		snprintf(err.msg, sizeof(err.msg), "hypervisor says no");
	pending_hv = NULL;
	fn(&m, &err);
}

static void agent_done(int code)
{
	struct err err = { .code = code };
	agent_reply_fn fn = pending_agent;

	ck_assert_ptr_nonnull(fn);
	if (code)
		snprintf(err.msg, sizeof(err.msg), "agent says no");
	pending_agent = NULL;
	fn(&m, NULL, &err);
}

static int ask_as(struct client *c, uint32_t id, const char *container, int memory, int cpus,
		  struct err *err)
{
	json_t *params = json_pack("{s:s, s:i, s:i}", "id", container, "memory", memory, "cpus",
				   cpus);
	int r = resize_request(c, id, params, err);

	json_decref(params);
	return r;
}

static void ask(uint32_t id, const char *container, int memory, int cpus)
{
	struct err err = {};

	unit_ok(ask_as(&client, id, container, memory, cpus, &err), &err);
}

START_TEST(grows)
{
	a_vm(VM_READY);
	/* Memory in blocks, then processors, then the guest is told of both. */
	ask(1, "a", 100, 1500);
	saw("memory 128\n");
	hv_done(0);
	saw("vcpu 1\n");
	hv_done(0);
	saw("sandbox.resize 128 2\n");
	agent_done(0);
	saw("client 1: 384 MiB, 2\n");
	/* Demands add up; what is there already is answered at once. */
	ask(2, "b", 20, 500);
	saw("client 2: 384 MiB, 2\n");
	ask(3, "c", 10, 0);
	saw("memory 256\n");
	hv_done(0);
	saw("sandbox.resize 256 2\n");
	agent_done(0);
	saw("client 3: 512 MiB, 2\n");
	/* Up to the most there is, which is no error. */
	ask(4, "d", 5000, 64000);
	saw("memory 768\n");
	hv_done(0);
	saw("vcpu 1\n");
	hv_done(0);
	saw("vcpu 1\n");
	hv_done(0);
	saw("sandbox.resize 768 4\n");
	agent_done(0);
	saw("client 4: 1024 MiB, 4\n");
	ends();
}
END_TEST

START_TEST(shrinks)
{
	uint32_t memory, vcpus;

	a_vm(VM_READY);
	ask(1, "a", 128, 2000);
	hv_done(0);
	hv_done(0);
	agent_done(0);
	ask(2, "b", 256, 0);
	hv_done(0);
	agent_done(0);
	resize_size(&m, &memory, &vcpus);
	ck_assert_uint_eq(memory, 640);
	ck_assert_uint_eq(vcpus, 2);
	saw("memory 128\nvcpu 1\nsandbox.resize 128 2\nclient 1: 384 MiB, 2\n"
	    "memory 384\nsandbox.resize 384 2\nclient 2: 640 MiB, 2\n");
	/* Less is offered, the guest is not asked, and processors stay. */
	resize_forget(&m, "b");
	saw("memory 128\n");
	hv_done(0);
	saw("");
	resize_forget(&m, "nobody");
	resize_forget(&m, NULL);
	saw("");
	/* A lower demand of the same container takes the place of the former. */
	ask(3, "a", 0, 0);
	saw("memory 0\n");
	hv_done(0);
	saw("client 3: 256 MiB, 2\n");
	ends();
}
END_TEST

START_TEST(one_step_at_a_time)
{
	a_vm(VM_READY);
	ask(1, "a", 128, 0);
	saw("memory 128\n");
	/* Whoever comes meanwhile is part of the next step, and all wait for the last. */
	ask(2, "b", 128, 0);
	saw("");
	hv_done(0);
	saw("memory 256\n");
	hv_done(0);
	saw("sandbox.resize 256 1\n");
	ask(3, "c", 128, 0);
	agent_done(0);
	saw("memory 384\n");
	hv_done(0);
	agent_done(0);
	saw("sandbox.resize 384 1\nclient 1: 640 MiB, 1\nclient 2: 640 MiB, 1\nclient 3: 640 MiB, 1\n");
	ends();
}
END_TEST

START_TEST(while_it_boots)
{
	a_vm(VM_BOOTING);
	/* It is offered at once, and put to use when there is somebody to do so. */
	ask(1, "a", 128, 0);
	saw("memory 128\n");
	hv_done(0);
	saw("");
	m.phase = VM_READY;
	resize_vm_ready(&m);
	saw("sandbox.resize 128 1\n");
	agent_done(0);
	saw("client 1: 384 MiB, 1\n");
	ends();

	a_vm(VM_BOOTING);
	ask(2, "a", 128, 0);
	hv_done(EIO);
	saw("memory 128\nvm fails: hypervisor says no\n");
	ends();
}
END_TEST

START_TEST(failures)
{
	a_vm(VM_READY);
	ask(1, "a", 128, 0);
	hv_done(0);
	agent_done(0);
	saw("memory 128\nsandbox.resize 128 1\nclient 1: 384 MiB, 1\n");
	/* The guest does not take it: what was asked for is taken back, what others have stays. */
	ask(2, "b", 128, 0);
	hv_done(0);
	agent_done(ENOMEM);
	saw("memory 256\nsandbox.resize 256 1\nclient 2: resize the virtual machine: agent says no\nmemory 128\n");
	hv_done(0);
	saw("");
	/* One that had some already keeps that. */
	ask(4, "a", 256, 0);
	hv_done(0);
	agent_done(ENOMEM);
	saw("memory 256\nsandbox.resize 256 1\nclient 4: resize the virtual machine: agent says no\nmemory 128\n");
	hv_done(0);
	saw("");
	/* The same with the hypervisor, which may say so at once. */
	refuse = ENOMEM;
	ask(3, "c", 128, 0);
	refuse = 0;
	ck_assert_ptr_nonnull(strstr(seen.data, "client 3: resize the virtual machine: no memory\n"));
	ends();
}
END_TEST

START_TEST(who_is_gone)
{
	struct err err = {};

	a_vm(VM_READY);
	ask(1, "a", 128, 0);
	unit_ok(ask_as(&other, 2, "b", 128, 0, &err), &err);
	resize_client_gone(&m, &client);
	hv_done(0);
	hv_done(0);
	agent_done(0);
	saw("memory 128\nmemory 256\nsandbox.resize 256 1\nother 2: 512 MiB, 1\n");
	/* The VM ends: whoever waits is told why, and late answers of the others do no harm. */
	ask(3, "c", 128, 0);
	saw("memory 384\n");
	m.phase = VM_ENDING;
	resize_vm_ended(&m, &(struct err){ .code = ESRCH, .msg = "gone" });
	saw("client 3: gone\n");
	hv_done(0);
	saw("");
	unit_fails(ask_as(&client, 4, "d", 1, 1, &err), ESRCH, &err, "not running");
	buf_done(&seen);
}
END_TEST

START_TEST(bad_requests)
{
	char long_id[2048];
	struct err err = {};

	a_vm(VM_READY);
	memset(long_id, 'x', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	unit_fails(ask_as(&client, 1, long_id, 1, 1, &err), EPROTO, &err, "without id");
	unit_fails(ask_as(&client, 1, "a", -1, 1, &err), EPROTO, &err, "bad memory");
	unit_fails(ask_as(&client, 1, "a", 1, -1, &err), EPROTO, &err, "bad cpus");
	saw("");
	m.phase = VM_IDLE;
	unit_fails(ask_as(&client, 1, "a", 1, 1, &err), ESRCH, &err, "not running");
}
END_TEST

START_TEST(a_pod_that_is_announced)
{
	json_t *params = json_pack("{s:s, s:i, s:i, s:i, s:i}", "id", "s", "memory", 0, "cpus", 0,
				   "pod_memory", 256, "pod_cpus", 2000);
	struct err err = {};

	a_vm(VM_READY);
	unit_ok(resize_request(&client, 1, params, &err), &err);
	json_decref(params);
	hv_done(0);
	hv_done(0);
	agent_done(0);
	saw("memory 256\nvcpu 1\nsandbox.resize 256 2\nclient 1: 512 MiB, 2\n");
	/* Its containers come into what is there for them. */
	ask(2, "a", 128, 1000);
	ask(3, "b", 128, 1000);
	saw("client 2: 512 MiB, 2\nclient 3: 512 MiB, 2\n");
	ends();
}
END_TEST

UNIT_MAIN("monitor_resize", grows, shrinks, one_step_at_a_time, while_it_boots, failures,
	  who_is_gone, bad_requests, a_pod_that_is_announced)
