# SPDX-License-Identifier: Apache-2.0
#
# Manual pages, shell completion and the sample configuration. The parts that the program knows (options, commands,
# configuration keys) are asked of the one that was just built: see expand.sh.

MAN_PAGES := $(patsubst man/%.in,$(B)/man/%,$(sort $(wildcard man/*.8.in))) $(B)/man/moat-configuration.toml.5 $(B)/man/moat.3
MAN_BUILT := $(MAN_PAGES) $(B)/moat.bash $(B)/configuration.toml.sample

all: man
man: $(MAN_BUILT) ## build the manual pages, the shell completion and the sample configuration

define man_rule
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && $(1) >$@.new && mv $@.new $@
endef

$(B)/man/%.8: man/%.8.in man/expand.sh $(B)/moat
	$(call man_rule,man/expand.sh $(B)/moat $<)

$(B)/man/moat.3: man/moat.3.in man/expand.sh libruntime/moat.h $(B)/moat
	$(call man_rule,man/expand.sh $(B)/moat $<)

$(B)/man/moat-%.5: man/%.5.in man/expand.sh $(B)/moat
	$(call man_rule,man/expand.sh $(B)/moat $<)

$(B)/moat.bash: $(B)/moat
	$(call man_rule,$< completion bash)

$(B)/configuration.toml.sample: $(B)/moat
	$(call man_rule,$< doc config-sample)

.PHONY: man
