# SPDX-License-Identifier: Apache-2.0
#
# libmoat: the same objects as the command's, and of their symbols only those of moat.h.
#
#	libmoat.so.VERSION   soname libmoat.so.0; what is exported is in moat.map
#	libmoat.a            one object, in which everything else is local: a program's own names do not meet ours
#	moat.pc.in           pkg-config, filled in by contrib/install.sh: PREFIX is known there

LIBRARY_MODULES := libruntime $(LAYER_libruntime)
LIBRARY_SONAME := libmoat.so.0
LIBRARY := $(B)/libmoat.so.$(VERSION) $(B)/libmoat.a $(B)/libmoat.libs

LIBRARY_OBJS := $(foreach m,$(LIBRARY_MODULES),$(call objs,$(m)))

# A shared library cannot be made with libFuzzer's hooks.
ifneq ($(VARIANT),fuzz)
all: library
endif
library: $(LIBRARY) ## build libmoat.so and libmoat.a

$(B)/libmoat.so.$(VERSION): $(LIBRARY_OBJS) libruntime/moat.map $(B)/link.flags
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(LDFLAGS_ALL) -Wl,-soname,$(LIBRARY_SONAME) -Wl,--version-script=libruntime/moat.map -Wl,-z,defs \
		-o $@ $(filter %.o,$^) $(LIBS_moat)
	$(Q)ln -sf $(@F) $(B)/$(LIBRARY_SONAME) && ln -sf $(@F) $(B)/libmoat.so

$(B)/libmoat.a: $(LIBRARY_OBJS) $(B)/link.flags
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(B)/libmoat.o $(filter %.o,$^) && $(OBJCOPY) --localize-hidden $(B)/libmoat.o
	$(Q)rm -f $@.new && $(AR) rcs $@.new $(B)/libmoat.o && mv $@.new $@ && rm $(B)/libmoat.o

# What a program that is linked with libmoat.a needs, too.
$(B)/libmoat.libs: FORCE
	$(call update,$(VERSION) $(LIBS_moat))

.PHONY: library

# It runs containers, on the fake hypervisor.
$(addprefix $(B)/tests/unit/,test_moat_containers test_moat_descriptions test_moat_sandboxes): | $(B)/moat-monitor $(B)/moat-standin
