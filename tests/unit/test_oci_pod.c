/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "oci/pod.h"
#include "tests/unit/test_oci.h"

#define CRI "io.kubernetes.cri."
#define CRIO "io.kubernetes.cri-o."
#define DOCKER "io.kubernetes."

/* The annotations are the JSON object text. */
static int read_pod(const char *text, struct oci_pod *ret, char sandbox[64], struct err *err)
{
	struct oci_config c = { .annotations = text_json(text) };
	int r = oci_pod_read(&c, ret, err);

	if (r >= 0)
		snprintf(sandbox, 64, "%s", ret->sandbox ? ret->sandbox : "");
	json_decref(c.annotations);
	return r;
}

static void check(const char *text, enum oci_pod_role role, const char *sandbox)
{
	struct oci_pod pod;
	struct err err = { 0 };
	char id[64];

	unit_ok(read_pod(text, &pod, id, &err), &err);
	ck_assert_int_eq(pod.role, role);
	ck_assert_str_eq(id, sandbox);
}

static void refused(const char *text, const char *message)
{
	struct oci_pod pod = { .role = OCI_POD_SANDBOX };
	struct err err = { 0 };
	char id[64];

	ck_assert_int_eq(read_pod(text, &pod, id, &err), -EINVAL);
	ck_assert_str_eq(err.msg, message);
	ck_assert_int_eq(pod.role, OCI_POD_SANDBOX);
}

START_TEST(roles)
{
	struct oci_config none = { 0 };
	struct err err = { 0 };
	struct oci_pod pod;

	unit_ok(oci_pod_read(&none, &pod, &err), &err);
	ck_assert_int_eq(pod.role, OCI_POD_NONE);
	check("{}", OCI_POD_NONE, "");
	/* An id alone says nothing: CRI gives it to both kinds. */
	check("{\"" CRI "sandbox-id\":\"sb\"}", OCI_POD_NONE, "");
	check("{\"" CRI "container-type\":\"sandbox\",\"" CRI "sandbox-id\":\"sb\"}",
	      OCI_POD_SANDBOX, "");
	check("{\"" CRI "container-type\":\"sandbox\"}", OCI_POD_SANDBOX, "");
	check("{\"" CRI "container-type\":\"container\",\"" CRI "sandbox-id\":\"sb\"}",
	      OCI_POD_MEMBER, "sb");
	check("{\"" CRIO "ContainerType\":\"sandbox\"}", OCI_POD_SANDBOX, "");
	check("{\"" CRIO "ContainerType\":\"container\",\"" CRIO "SandboxID\":\"sb\"}",
	      OCI_POD_MEMBER, "sb");
	check("{\"" DOCKER "docker.type\":\"podsandbox\"}", OCI_POD_SANDBOX, "");
	check("{\"" DOCKER "docker.type\":\"container\",\"" DOCKER "sandbox.id\":\"sb\"}",
	      OCI_POD_MEMBER, "sb");
}
END_TEST

START_TEST(callers)
{
	static const struct {
		const char *file;
		enum oci_pod_role role;
	} rows[] = { { "cri-sandbox.json", OCI_POD_SANDBOX },
		     { "cri-container.json", OCI_POD_MEMBER },
		     { "podman-run.json", OCI_POD_NONE },
		     { "docker-run.json", OCI_POD_NONE },
		     { "ctr-run.json", OCI_POD_NONE } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_json_ json_t *doc = data_json(rows[i].file);
		struct oci_config *c = NULL;
		struct err err = { 0 };
		struct oci_pod pod;

		unit_ok(oci_config_from_json(doc, NULL, NULL, &c, &err), &err);
		unit_ok(oci_pod_read(c, &pod, &err), &err);
		ck_assert_int_eq(pod.role, rows[i].role);
		if (pod.role == OCI_POD_MEMBER) {
			ck_assert_str_eq(
				pod.sandbox,
				"c69fdd2a876a36c85be47a34fe19cf3e9dbc87862885196605a2f46944e23306");
			ck_assert_str_eq(pod.key, CRI "sandbox-id");
		}
		oci_config_free(c);
	}
}
END_TEST

/* What podman writes into those of a pod is no id of a container if there is no infra container. */
START_TEST(podman)
{
	check("{\"io.container.manager\":\"libpod\",\"" CRIO "ContainerType\":\"container\",\"" CRIO
	      "SandboxID\":\"sb\"}",
	      OCI_POD_NONE, "");
	check("{\"io.container.manager\":\"cri-o\",\"" CRIO "ContainerType\":\"container\",\"" CRIO
	      "SandboxID\":\"sb\"}",
	      OCI_POD_MEMBER, "sb");
}
END_TEST

START_TEST(wrong)
{
	refused("{\"" CRI "container-type\":\"pod\"}",
		"annotation " CRI
		"container-type: \"pod\" is neither \"sandbox\" nor \"container\"");
	refused("{\"" CRI "container-type\":\"\"}",
		"annotation " CRI "container-type: \"\" is neither \"sandbox\" nor \"container\"");
	refused("{\"" DOCKER "docker.type\":\"sandbox\"}",
		"annotation " DOCKER
		"docker.type: \"sandbox\" is neither \"podsandbox\" nor \"container\"");
	refused("{\"" CRI "container-type\":\"container\"}",
		"annotation " CRI "sandbox-id is required with " CRI "container-type \"container\"");
	refused("{\"" CRI "container-type\":\"container\",\"" CRI "sandbox-id\":\"../x\"}",
		"annotation " CRI "sandbox-id: invalid container ID format");
	refused("{\"" CRI "container-type\":\"container\",\"" CRI "sandbox-id\":\"\"}",
		"annotation " CRI "sandbox-id: container id cannot be empty");
}
END_TEST

START_TEST(two_conventions)
{
	check("{\"" CRI "container-type\":\"container\",\"" CRI "sandbox-id\":\"sb\",\"" CRIO
	      "ContainerType\":\"container\",\"" CRIO "SandboxID\":\"sb\"}",
	      OCI_POD_MEMBER, "sb");
	refused("{\"" CRI "container-type\":\"container\",\"" CRI "sandbox-id\":\"sb\",\"" CRIO
		"ContainerType\":\"container\",\"" CRIO "SandboxID\":\"other\"}",
		"annotations " CRI "container-type and " CRIO "ContainerType contradict each other");
	refused("{\"" CRI "container-type\":\"sandbox\",\"" CRIO
		"ContainerType\":\"container\",\"" CRIO "SandboxID\":\"sb\"}",
		"annotations " CRI "container-type and " CRIO "ContainerType contradict each other");
}
END_TEST

UNIT_MAIN("oci_pod", roles, callers, podman, wrong, two_conventions)
