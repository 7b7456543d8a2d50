# SPDX-License-Identifier: Apache-2.0
#
# The guest's kernel and initramfs. KERNEL=, MODULES_DIR= and KERNEL_DEB= choose the kernel, see kernel.sh.

G := $(BUILD)/guest
GUEST_AGENT ?= $(BUILD)/release/moat-agent
export KERNEL MODULES_DIR KERNEL_DEB

guest: $(G)/manifest ## build the guest's kernel and initramfs (KERNEL= MODULES_DIR= KERNEL_DEB=)

# Looks at once whether there is something to do, and leaves its files alone if not.
$(G)/kernel.info: FORCE
	$(Q)guest/kernel.sh $(G)

ifneq ($(VARIANT),release)
$(BUILD)/release/moat-agent: FORCE
	$(Q)$(MAKE) VARIANT=release $@
endif

$(G)/initramfs.cpio: $(G)/kernel.info $(GUEST_AGENT) guest/mkinitramfs.sh guest/modules.list
	$(call say,CPIO,$@)
	$(Q)guest/mkinitramfs.sh --agent $(GUEST_AGENT) --release "$$(sed -n s/^release=//p $(G)/kernel.info)" \
		--modroot $(G)/modroot $$(grep -qx decompress=1 $(G)/kernel.info && echo --decompress) $@

$(G)/manifest: $(G)/initramfs.cpio
	$(call say,GEN,$@)
	$(Q){ sed -n 's/^release=/kernel_release=/p; s/^package=/kernel_package=/p' $(G)/kernel.info && \
		for f in vmlinux initramfs.cpio; do \
			printf '%s_sha256=%s\n' "$${f%.cpio}" "$$(sha256sum <$(G)/$$f | cut -d' ' -f1)" || exit; \
			printf '%s_bytes=%s\n' "$${f%.cpio}" "$$(stat -c %s $(G)/$$f)" || exit; \
		done; } >$@.new && mv $@.new $@
	$(Q)sed 's/^/  /' $@

# ---- a kernel of our own, see guest-kernel.sh; `make guest` prefers it ----

GK := $(BUILD)/guest-kernel
export KERNEL_SOURCE

guest-kernel: ## build a tuned kernel for guests (10-20 minutes), which make guest then takes
	$(Q)JOBS='$(JOBS)' guest/guest-kernel.sh build $(GK)

guest-kernel-config: ## check that guest/kernel.config fits the kernel's source
	$(Q)guest/guest-kernel.sh config $(GK)

.PHONY: guest guest-kernel guest-kernel-config
