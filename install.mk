# SPDX-License-Identifier: Apache-2.0
#
# Whoever generates something that is installed adds it here: install: $(B)/man/moat.8

PREFIX ?= /usr/local
DESTDIR ?=

install: all guest ## install into $(DESTDIR)$(PREFIX), default /usr/local
	$(Q)BUILD='$(B)' GUEST='$(G)' DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' contrib/install.sh install

uninstall: ## remove what install put there
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' contrib/install.sh uninstall

.PHONY: install uninstall
