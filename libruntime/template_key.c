/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/template_key.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "version.h"

int template_file_id(const char *path, char ret[TEMPLATE_FILE_ID_SIZE])
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	snprintf(ret, TEMPLATE_FILE_ID_SIZE, "%llu:%llu:%lld:%lld.%09ld:%lld.%09ld",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		 (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

static int add_file(struct buf *b, const char *key, const char *path, struct err *err)
{
	char id[TEMPLATE_FILE_ID_SIZE];
	int r = template_file_id(path, id);

	if (r < 0)
		return err_errno(err, -r, "%s '%s'", key, path);
	buf_printf(b, "%s=%s %s\n", key, path, id);
	return 0;
}

/* The processor: what it offers is what the guest's kernel has adapted itself to. */
static void add_cpu(struct buf *b)
{
	static const unsigned int leaves[] = { 0,          1,          7,         0x80000001,
					       0x80000002, 0x80000003, 0x80000004 };

	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;

		__get_cpuid_count(leaves[i], 0, &eax, &ebx, &ecx, &edx);
		if (leaves[i] == 1) {
			/* Which of the processors this runs on, and whether the kernel uses OSXSAVE */
			ebx = 0;
			ecx &= ~(1u << 27);
		}
		buf_printf(b, "cpuid=%x %x %x %x %x\n", leaves[i], eax, ebx, ecx, edx);
	}
}

int template_key(const struct vm_setup *s, char ret[TEMPLATE_KEY_SIZE], struct err *err)
{
	_buf_ struct buf b = {};
	char boot_id[37] = "";
	XXH128_hash_t h;
	int r;

	buf_printf(&b,
		   "moat=" MOAT_VERSION " " MOAT_COMMIT
		   "\nhypervisor=%s\nmachine=%s\naccel=%s\ncpu=%s\n",
		   s->hypervisor, s->machine, s->accel, s->cpu ? s->cpu : "");
	buf_printf(&b,
		   "kernel_params=%s\nmemory=%u %u\nvcpus=%u %u\nports=%u\nreclaim=%d iommu=%d\n",
		   s->kernel_params ? s->kernel_params : "", s->memory, s->max_memory, s->vcpus,
		   s->max_vcpus, s->ports, s->reclaim, s->iommu);
	r = add_file(&b, "path", s->path, err);
	if (r >= 0)
		r = add_file(&b, "kernel", s->kernel, err);
	if (r >= 0)
		r = add_file(&b, "initrd", s->initrd, err);
	if (r >= 0 && s->firmware)
		r = add_file(&b, "firmware", s->firmware, err);
	if (r < 0)
		return r;
	/* The clock: its frequency was measured in this boot of the host. */
	r = proc_boot_id(boot_id);
	if (r < 0)
		return err_errno(err, -r, "boot id");
	buf_printf(&b, "boot_id=%s\n", boot_id);
	add_cpu(&b);
	if (!buf_ok(&b))
		return err_errno(err, ENOMEM, "template");
	h = XXH3_128bits(b.data, b.len);
	snprintf(ret, TEMPLATE_KEY_SIZE, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
	return 0;
}
