/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfio_nvme ADDRESS: drives an NVMe disk from user space, as SPDK and DPDK do: opens its VFIO group, maps memory for it,
 * and prints the serial number that its IDENTIFY command has written there (NVM Express base specification, 3.1 and 5.17).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define IOVA \
	0x10000000u /* where the device sees the memory: submissions, completions and data, a page each */
#define PAGE 4096u
#define QUEUE 16u /* entries */
#define TRIES 3000 /* of 10 ms */

/* Registers, in words of 4 bytes */
enum {
	CC = 0x14 / 4,
	CSTS = 0x1c / 4,
	AQA = 0x24 / 4,
	ASQ = 0x28 / 4,
	ACQ = 0x30 / 4,
	SQ0TDBL = 0x1000 / 4
};

static long need(const char *what, long r)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		exit(1);
	}
	return r;
}

static int open_group(const char *address)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	n = need(path, readlink(path, target, sizeof(target) - 1));
	target[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(target, '/'));
	return (int)need(path, open(path, O_RDWR | O_CLOEXEC));
}

static void wait_for(const char *what, const volatile uint32_t *word, uint32_t mask, uint32_t want)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; (*word & mask) != want; i++) {
		if (i == TRIES) {
			fprintf(stderr, "%s: the disk does not answer\n", what);
			exit(1);
		}
		nanosleep(&pause, NULL);
	}
}

static void identify(volatile uint32_t *regs, char *memory)
{
	volatile uint32_t *command = (volatile uint32_t *)memory,
			  *done = (volatile uint32_t *)(memory + PAGE);

	regs[CC] = 0;
	wait_for("reset", &regs[CSTS], 1, 0);
	regs[AQA] = (QUEUE - 1) << 16 | (QUEUE - 1);
	regs[ASQ] = IOVA;
	regs[ASQ + 1] = 0;
	regs[ACQ] = IOVA + PAGE;
	regs[ACQ + 1] = 0;
	regs[CC] = 4u << 20 | 6u << 16 | 1; /* sizes of entries, on */
	wait_for("start", &regs[CSTS], 1, 1);
	command[0] = 1u << 16 | 6; /* id 1, IDENTIFY */
	command[6] = IOVA + 2 * PAGE;
	command[10] = 1; /* of the controller */
	__sync_synchronize();
	regs[SQ0TDBL] = 1;
	wait_for("identify", &done[3], 1u << 16, 1u << 16);
}

int main(int argc, char **argv)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
						.iova = IOVA,
						.size = 4 * PAGE };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX },
				bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	int container, group, device;
	uint16_t command = 0;
	char *memory;
	void *regs;

	if (argc != 2) {
		fprintf(stderr, "usage: vfio_nvme ADDRESS\n");
		return 2;
	}
	container = (int)need("/dev/vfio/vfio", open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	group = open_group(argv[1]);
	need("group", ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
	need("IOMMU", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	memory = mmap(NULL, map.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need("memory", memory == MAP_FAILED ? -1 : 0);
	map.vaddr = (uintptr_t)memory;
	map.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	need("map", ioctl(container, VFIO_IOMMU_MAP_DMA, &map));
	device = (int)need("device", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[1]));
	need("config space", ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config));
	need("registers", ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar));
	/* PCI command: memory and bus mastering */
	need("config space", pread(device, &command, sizeof(command), (off_t)config.offset + 4));
	command |= 6;
	need("config space", pwrite(device, &command, sizeof(command), (off_t)config.offset + 4));
	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)bar.offset);
	need("registers", regs == MAP_FAILED ? -1 : 0);
	identify(regs, memory);
	printf("serial %.20s\n", memory + 2 * PAGE + 4);
	return 0;
}
