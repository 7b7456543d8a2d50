# SPDX-License-Identifier: Apache-2.0

quickstart: ## install packages, build everything and run a container in a VM
	$(Q)MAKE='$(MAKE)' BUILD='$(BUILD)' contrib/quickstart.sh

check-all: ## install the test dependencies and run every test (STAGES="unit bats ..." for some)
	$(Q)MAKE='$(MAKE)' BUILD='$(BUILD)' tests/run-all.sh $(STAGES)

.PHONY: quickstart check-all
