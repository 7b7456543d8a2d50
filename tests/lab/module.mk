# SPDX-License-Identifier: Apache-2.0
#
# The lab: a virtual machine with KVM, an IOMMU, vsock and cgroup v2 in which the same helpers test moat. See lab.sh.
#
#	make lab LAB_FILES="kvm vfio"      some files
#	make lab-shell                     a shell in it

LAB := $(BUILD)/lab
LAB_KERNEL := linux-image-6.12-amd64 linux-image-amd64 linux-image-generic
LAB_FILES ?=

lab-image: $(LAB)/initramfs.cpio $(LAB)/vfio_nvme

# Nothing of what is said about the guest's kernel is about this one.
$(LAB)/kernel.info: FORCE
	$(Q)env -u KERNEL -u MODULES_DIR -u KERNEL_DEB KERNEL_PACKAGE='$(LAB_KERNEL)' guest/kernel.sh $(LAB)

# Static: the lab's first process, and what runs in containers
$(LAB)/%: tests/lab/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $<

$(LAB)/initramfs.cpio: $(LAB)/kernel.info $(LAB)/init tests/lab/modules.list guest/mkinitramfs.sh
	$(call say,CPIO,$@)
	$(Q)guest/mkinitramfs.sh --agent $(LAB)/init --release "$$(sed -n s/^release=//p $(LAB)/kernel.info)" \
		--modroot $(LAB)/modroot --list tests/lab/modules.list $@

lab: all guest bats-tools lab-image ## tests that need KVM, an IOMMU or vsock, in a machine that has them (LAB_FILES="vfio ...")
	$(Q)LAB='$(LAB)' BUILD='$(BUILD)' tests/lab/run.sh $(LAB_FILES)

lab-short: all guest bats-tools lab-image ## a few of them, as in CI
	$(Q)LAB='$(LAB)' BUILD='$(BUILD)' tests/lab/run.sh --short

lab-shell: all guest bats-tools lab-image ## a shell in that machine
	$(Q)LAB='$(LAB)' tests/lab/lab.sh

.PHONY: lab-image lab lab-short lab-shell
