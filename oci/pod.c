/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/pod.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/validate.h"

#define MEMBER "container"

static const struct {
	const char *type, *id; /* annotations */
	const char *sandbox; /* the type of a sandbox */
} conventions[] = {
	{ "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id", "sandbox" },
	{ "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID", "sandbox" },
	{ "io.kubernetes.docker.type", "io.kubernetes.sandbox.id", "podsandbox" },
};

/*
 * Podman says "container" of those in a pod, with the id of a pod that no container has if there is no infra container, and
 * also of those that share nothing. Its namespaces say what is shared.
 */
static bool by_podman(const json_t *annotations)
{
	const char *manager = js_get_str(annotations, "io.container.manager");

	return manager && strcmp(manager, "libpod") == 0;
}

static int read_one(const json_t *annotations, size_t i, struct oci_pod *ret, struct err *err)
{
	const char *type = js_get_str(annotations, conventions[i].type);
	const char *id = js_get_str(annotations, conventions[i].id);
	struct err why = {};

	*ret = (struct oci_pod){ .role = OCI_POD_NONE };
	if (!type)
		return 0;
	if (strcmp(type, conventions[i].sandbox) == 0) {
		ret->role = OCI_POD_SANDBOX;
		return 0;
	}
	if (strcmp(type, MEMBER) != 0)
		return err_set(err, EINVAL,
			       "annotation %s: \"%s\" is neither \"%s\" nor \"" MEMBER "\"",
			       conventions[i].type, type, conventions[i].sandbox);
	if (!id)
		return err_set(err, EINVAL, "annotation %s is required with %s \"" MEMBER "\"",
			       conventions[i].id, conventions[i].type);
	if (oci_id_validate(id, &why) < 0)
		return err_set(err, EINVAL, "annotation %s: %s", conventions[i].id, why.msg);
	*ret = (struct oci_pod){ OCI_POD_MEMBER, id, conventions[i].id };
	return 0;
}

static bool agree(const struct oci_pod *a, const struct oci_pod *b)
{
	return a->role == b->role &&
	       (a->role != OCI_POD_MEMBER || strcmp(a->sandbox, b->sandbox) == 0);
}

int oci_pod_read(const struct oci_config *c, struct oci_pod *ret, struct err *err)
{
	struct oci_pod found = { .role = OCI_POD_NONE };
	size_t from = 0;

	for (size_t i = 0; i < ARRAY_SIZE(conventions) && !by_podman(c->annotations); i++) {
		struct oci_pod one;
		int r = read_one(c->annotations, i, &one, err);

		if (r < 0)
			return r;
		if (one.role == OCI_POD_NONE)
			continue;
		if (found.role != OCI_POD_NONE && !agree(&found, &one))
			return err_set(err, EINVAL, "annotations %s and %s contradict each other",
				       conventions[from].type, conventions[i].type);
		found = one;
		from = i;
	}
	*ret = found;
	return 0;
}
