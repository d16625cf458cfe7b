# GNU make. Builds the dynamic module with nginx's own build and the tool
# beside it; "make help" lists what else there is. New source files are picked
# up by themselves. Everything that is built goes below BUILD.

BUILD    ?= build
SANITIZE ?=

ifneq ($(filter-out 0 no,$(SANITIZE)),)
override BUILD := $(BUILD)-asan
override CONFIGURE_FLAGS += --sanitize=address,undefined
endif

export GH_BUILD := $(abspath $(BUILD))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# one line per file; V=1 shows the commands
V ?=
ifeq ($(V),)
say = @printf '  %-7s %s\n' $(1) $(2);
else
say =
endif

.PHONY: all module tool run test test-root unit units t testing nginx-binary \
        fuzz replays lint check bench benching install clean help FORCE


# Goals that need no configuration

ifeq ($(filter-out help clean run test test-root bench lint check,\
       $(or $(MAKECMDGOALS),all)),)
NO_CONFIGURE := yes
endif

ifndef NO_CONFIGURE
include $(BUILD)/config.mk

$(BUILD)/config.mk: configure VERSION
	@if test -x $(BUILD)/config.status; then                              \
	    $(BUILD)/config.status;                                           \
	else                                                                  \
	    ./configure --build-dir=$(BUILD) $(CONFIGURE_FLAGS);              \
	fi
	@touch $@
endif


all: module tool


# Core and the engine room that knows no nginx: libraries for tool and tests

CORE_SRCS := $(wildcard module/core/*.c)
IO_SRCS   := $(wildcard module/io/gh_*.c)
HTTP_SRCS := $(wildcard module/http/*.c) $(wildcard module/io/ngx_*.c)
CTL_SRCS  := $(wildcard ctl/*.c)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

DEFINES := -D_GNU_SOURCE -DGH_VERSION='"$(GH_VERSION)"' \
           -DGH_STATE_DIR='"$(GH_STATE_DIR)"' -DGH_CONF_DIR='"$(GH_CONF_DIR)"'

COMPILE  = $(CC) -std=c11 -fPIE $(GH_OPT) $(GH_HARD) $(GH_SAN) $(DEFINES) \
           -Imodule/core -Imodule/io $(GH_LIB_CFLAGS) $(GH_WARN)          \
           $(WARN_$(firstword $(subst /, ,$(<D)))) $(GH_WERROR) -MMD -MP  \
           $(GH_USER_CFLAGS)
LINK     = $(CC) -pie $(GH_SAN) $(GH_HARD_LD) $(GH_USER_LDFLAGS)
LIBS     = -Wl,--as-needed $(GH_LIBS) -lpthread -lm

# the strict set, in every room that nginx's headers do not enter
WARN_module = $(GH_WARN_CORE)
WARN_ctl    = $(GH_WARN_CORE)

$(BUILD)/obj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call say,CC,$<) $(COMPILE) -c -o $@ $<

# an archive is made anew when a source appears or goes away

$(BUILD)/%.list: FORCE
	@mkdir -p $(@D)
	@echo $(LIST) | tr ' ' '\n' | cmp -s - $@ \
	    || echo $(LIST) | tr ' ' '\n' > $@

$(BUILD)/core.list:   LIST = $(CORE_SRCS)
$(BUILD)/io.list:     LIST = $(IO_SRCS)
$(BUILD)/ctl.list:    LIST = $(CTL_SRCS)
$(BUILD)/module.list: LIST = $(CORE_SRCS) $(IO_SRCS) $(HTTP_SRCS)

archive = $(call say,AR,$(@F)) rm -f $@ && $(or $(AR),ar) rcs $@ $(filter %.o,$^)

$(BUILD)/libghcore.a: $(call objects,$(CORE_SRCS)) $(BUILD)/core.list
	$(archive)

$(BUILD)/libghio.a: $(call objects,$(IO_SRCS)) $(BUILD)/io.list
	$(archive)

ARCHIVES := $(BUILD)/libghio.a $(BUILD)/libghcore.a

-include $(wildcard $(patsubst %.o,%.d,\
    $(call objects,$(CORE_SRCS) $(IO_SRCS) $(CTL_SRCS))))


# The tool

# all of it but main is a library, for its unit tests

tool: $(if $(CTL_SRCS),$(BUILD)/gatehouse)

$(BUILD)/libghctl.a: $(filter-out %/main.o,$(call objects,$(CTL_SRCS))) \
                     $(BUILD)/ctl.list
	$(archive)

$(BUILD)/gatehouse: $(BUILD)/obj/ctl/main.o $(BUILD)/libghctl.a $(ARCHIVES)
	$(call say,LINK,$(@F)) $(LINK) -o $@ $^ $(LIBS)


# The module, by nginx's own build in a copy of its tree. nginx's configure
# runs again only if our flags or the list of our files changed; its headers
# keep their dates if they come out equal, so that only new files are compiled.

NGX      := $(BUILD)/nginx
MODULE   := ngx_http_gatehouse_module.so

# The last word on warnings is for our own objects; nginx sets -Werror itself.
# So is the sanitizer of undefined behaviour: nginx's own sources store numbers
# at odd addresses and hand NULL to memcpy, harmlessly and often.
MODULE_CFLAGS = -std=gnu11 $(GH_WARN) -Wno-unused-parameter $(GH_WERROR) \
           $(GH_VISIBILITY) $(GH_LTO) $(GH_SAN)
CC_OPT   = $(strip $(GH_OPT) $(GH_HARD) $(GH_SAN_NGINX) $(GH_LIB_CFLAGS) \
           -Wno-error $(if $(GH_SAN),-DNGX_DEBUG_PALLOC=1) $(GH_USER_CFLAGS))
# nginx's configure finds ASan's own crypt_r, which calls the one of libcrypt
LD_OPT   = $(strip $(GH_LTO) $(GH_SAN) $(GH_HARD_LD) $(GH_USER_LDFLAGS) \
           $(if $(GH_SAN),-lcrypt))

NGX_FLAGS_TREE = --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf \
    --error-log-path=stderr --http-log-path=/var/log/nginx/access.log        \
    --pid-path=/run/nginx.pid --lock-path=/var/lock/nginx.lock               \
    --modules-path=/usr/lib/nginx/modules --with-compat --with-debug         \
    --with-threads --with-http_ssl_module --with-http_v2_module              \
    --with-http_realip_module --with-http_auth_request_module                \
    --with-http_stub_status_module --with-http_dav_module                    \
    --with-http_slice_module --with-http_addition_module                     \
    --with-http_flv_module --with-http_mp4_module --with-http_sub_module     \
    --with-http_gunzip_module --with-http_gzip_static_module                 \
    --with-http_random_index_module --with-http_secure_link_module           \
    $(GH_NGINX_OPTS)

ngx_configure = GH_LIBS='$(GH_LIBS)' GH_STATE_DIR='$(GH_STATE_DIR)'          \
    GH_CONF_DIR='$(GH_CONF_DIR)' GH_DEPFILES=yes                             \
    GH_MODULE_CFLAGS='$(MODULE_CFLAGS)'

ifeq ($(GH_NGINX_KIND),debian)
NGX_ADD  := --add-dynamic-module
NGX_GOAL := modules
else ifneq ($(GH_SANITIZE),)
NGX_ADD  := --add-module
NGX_GOAL := binary
else
NGX_ADD  := --add-dynamic-module
NGX_GOAL := modules
NGX_TEST := nginx-binary
endif

ifneq ($(wildcard module/http/ngx_http_gatehouse_module.c),)
module: $(NGX)/objs/Makefile
	$(call say,NGINX,$(MODULE))
	+@$(MAKE) --no-print-directory $(if $(V),,-s) -C $(NGX) \
	    -f objs/Makefile $(NGX_GOAL)
ifeq ($(NGX_GOAL),modules)
	@! nm -D -u $(NGX)/objs/$(MODULE) \
	    | grep -E ' (gh_|ngx_gatehouse_|ngx_http_gatehouse_)' \
	    || { echo "the module lacks these, nginx could not load it" >&2; \
	         rm -f $(NGX)/objs/$(MODULE); exit 1; }
	@cmp -s $(NGX)/objs/$(MODULE) $(BUILD)/$(MODULE) \
	    || cp $(NGX)/objs/$(MODULE) $(BUILD)/$(MODULE)
endif
else
module:
	@echo "no module yet: module/http/ngx_http_gatehouse_module.c is missing"
endif

$(NGX)/tree: $(BUILD)/config.mk
	@rm -rf $(NGX)
	@mkdir -p $(NGX)
ifeq ($(GH_NGINX_KIND),download)
	auto/fetch-nginx $(BUILD)/download
	@tar -xzf $(BUILD)/download/nginx.tar.gz -C $(NGX) --strip-components=1
else
	@cd $(GH_NGINX_SRC) && tar -cf - --exclude=./.git --exclude=./objs . \
	    | tar -xf - -C $(abspath $(NGX))
endif
	@test -x $(NGX)/configure || cp $(NGX)/auto/configure $(NGX)/configure
	@touch $@

$(NGX)/objs/Makefile: $(NGX)/tree $(BUILD)/module.list module/config \
                      module/config.make
	@rm -rf $(NGX)/objs/*.so $(NGX)/objs/Makefile
	@mkdir -p $(NGX)/keep
	@for h in $(NGX)/objs/ngx_auto_*.h; do test ! -f $$h \
	    || cp -p $$h $(NGX)/keep; done
	$(call say,NGINX,'configure (log in $(NGX)/configure.log)')
ifeq ($(GH_NGINX_KIND),debian)
	@cd $(NGX) && $(ngx_configure) bash -c '. ./conf_flags &&                \
	    ./configure --with-cc="$$1" --with-cc-opt="$$2" --with-ld-opt="$$3"  \
	    "$${NGX_CONF_FLAGS[@]}" $(NGX_ADD)=$(GH_ROOT)/module' nginx          \
	    '$(CC)' '$(CC_OPT)' '$(LD_OPT)' > configure.log 2>&1                 \
	    || { rm -f objs/Makefile; tail -20 configure.log >&2; exit 1; }
else
	@cd $(NGX) && $(ngx_configure) ./configure --with-cc='$(CC)'             \
	    --with-cc-opt='$(CC_OPT)' --with-ld-opt='$(LD_OPT)'                  \
	    $(NGX_FLAGS_TREE) $(NGX_ADD)=$(GH_ROOT)/module > configure.log 2>&1  \
	    || { rm -f objs/Makefile; tail -20 configure.log >&2; exit 1; }
endif
	@for h in $(NGX)/keep/ngx_auto_*.h; do                                   \
	    test ! -f "$$h" || ! cmp -s "$$h" "$(NGX)/objs/$${h##*/}"            \
	    || cp -p "$$h" $(NGX)/objs; done


# Unit tests: one cmocka program per t/unit/test_*.c; what else is in t/unit
# is a library for them.

UNIT_SRCS := $(wildcard t/unit/test_*.c)
UNIT_LIB  := $(filter-out $(UNIT_SRCS),$(wildcard t/unit/*.c))
UNITS     := $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRCS))

$(BUILD)/obj/t/%.o: DEFINES += -It/unit -Ictl

-include $(wildcard $(patsubst %.o,%.d,\
    $(call objects,$(UNIT_SRCS) $(UNIT_LIB))))

$(BUILD)/unit.list: LIST = $(UNIT_LIB)

$(BUILD)/libghtest.a: $(call objects,$(UNIT_LIB)) $(BUILD)/unit.list
	$(archive)

$(UNITS): $(BUILD)/unit/%: $(BUILD)/obj/t/unit/%.o $(BUILD)/libghtest.a \
          $(BUILD)/libghctl.a $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK,$(@F)) $(LINK) -o $@ $(filter %.o,$^) \
	    $(BUILD)/libghtest.a $(BUILD)/libghctl.a $(ARCHIVES) -lcmocka $(LIBS)

units: $(UNITS)

unit: $(BUILD)/config.mk
ifneq ($(GH_CMOCKA),yes)
	@echo "unit tests need cmocka: apt-get install libcmocka-dev," \
	    "then ./configure" >&2; exit 1
else
	+@$(MAKE) --no-print-directory BUILD=$(BUILD) SANITIZE= units
	t/run unit
endif


# Fuzzing: each t/fuzz/fuzz_*.c is a target. Its seeds are replayed by the
# tests with a main of our own; "make fuzz" searches with libFuzzer (clang).

FUZZ_SRCS := $(wildcard t/fuzz/fuzz_*.c)
FUZZ_TIME ?= 60
REPLAYS   := $(patsubst t/fuzz/fuzz_%.c,$(BUILD)/replay/%,$(FUZZ_SRCS))
FUZZERS   := $(patsubst t/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(FUZZ_SRCS))

-include $(wildcard $(patsubst %.o,%.d,\
    $(call objects,$(FUZZ_SRCS) t/fuzz/replay.c)))

$(REPLAYS): $(BUILD)/replay/%: $(BUILD)/obj/t/fuzz/fuzz_%.o \
            $(BUILD)/obj/t/fuzz/replay.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK,$(@F)) $(LINK) -o $@ $(filter %.o,$^) $(ARCHIVES) $(LIBS)

replays: $(REPLAYS)

FUZZ_FLAGS = -std=c11 -g -O1 -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer $(DEFINES) \
    -Imodule/core -Imodule/io $(GH_LIB_CFLAGS) -MMD -MP
fuzz_objects = $(patsubst %.c,$(BUILD)/fuzzobj/%.o,$(1))

-include $(wildcard $(patsubst %.o,%.d,\
    $(call fuzz_objects,$(CORE_SRCS) $(IO_SRCS) $(FUZZ_SRCS))))

$(BUILD)/fuzzobj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call say,FUZZ,$<) clang $(FUZZ_FLAGS) -c -o $@ $<

$(BUILD)/libghfuzz.a: $(call fuzz_objects,$(CORE_SRCS) $(IO_SRCS)) \
                      $(BUILD)/core.list $(BUILD)/io.list
	$(archive)

$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzzobj/t/fuzz/fuzz_%.o \
            $(BUILD)/libghfuzz.a
	@mkdir -p $(@D)
	$(call say,LINK,$@) clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)

fuzz: $(FUZZERS)
	t/fuzz/search $(FUZZ_TIME) $(FUZZERS)


# What t/*.t need beside the module: the service behind, a leash, a crowd

ECHO_SRCS := $(wildcard t/lib/echo/*.c)

-include $(wildcard $(patsubst %.o,%.d,\
    $(call objects,$(ECHO_SRCS) t/lib/leash.c t/lib/load.c)))

$(BUILD)/echo-backend: $(call objects,$(ECHO_SRCS))
	$(call say,LINK,$(@F)) $(LINK) -o $@ $^ $(LIBS)

$(BUILD)/leash $(BUILD)/load: $(BUILD)/%: $(BUILD)/obj/t/lib/%.o
	$(call say,LINK,$(@F)) $(LINK) -o $@ $^

# an nginx that fits, if the module is not for the system's
nginx-binary: module
	$(call say,NGINX,nginx)
	+@$(MAKE) --no-print-directory $(if $(V),,-s) -C $(NGX) \
	    -f objs/Makefile binary

# What t/bench/bench needs beside the module: large policy sets, many tokens,
# a session, signed requests

BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,policy_scale tokens session signed)

-include $(wildcard $(patsubst %.o,%.d,\
    $(call objects,$(wildcard t/bench/*.c))))

$(BUILD)/bench/policy_scale: $(BUILD)/obj/t/bench/documents.o

$(BENCH_PROGRAMS): $(BUILD)/bench/%: $(BUILD)/obj/t/bench/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK,$(@F)) $(LINK) -o $@ $(filter %.o,$^) $(ARCHIVES) $(LIBS)

benching: module tool $(NGX_TEST) $(BENCH_PROGRAMS)

testing: module tool $(NGX_TEST) $(BUILD)/echo-backend $(BUILD)/leash \
         $(BUILD)/load
	@! test -x t/lib/store-probe/build || t/lib/store-probe/build
	@auto/provider $(BUILD)/provider \
	    || echo "stories that log in there will be skipped" >&2


# Tests and measures; what these scripts need they build themselves.

test:
	@BUILD='$(BUILD)' SANITIZE='$(SANITIZE)' GH_TEST_STORE='$(STORE)' t/run

test-root:
	@BUILD='$(BUILD)' t/root $(RELEASE) $(WHAT)

t: testing
	t/run t

lint check:
	@t/run lint

run:
	@BUILD='$(BUILD)' STORE='$(STORE)' examples/run/run

bench:
	@BUILD='$(BUILD)' t/bench/bench


GH_USER ?= www-data

install: all
	install -d '$(DESTDIR)$(GH_PREFIX)/bin' '$(DESTDIR)$(GH_MODULES_PATH)'
	install -m 644 $(BUILD)/$(MODULE) '$(DESTDIR)$(GH_MODULES_PATH)'
	install $(BUILD)/gatehouse '$(DESTDIR)$(GH_PREFIX)/bin'
	@DESTDIR='$(DESTDIR)' SYSTEMD='$(SYSTEMD)' \
	    auto/install '$(GH_PREFIX)' '$(GH_CONF_DIR)'
	@test -d '$(DESTDIR)$(GH_STATE_DIR)' \
	    || install -d -m 700 '$(DESTDIR)$(GH_STATE_DIR)'
	@if test -z '$(DESTDIR)' && id $(GH_USER) > /dev/null 2>&1; then \
	    chown $(GH_USER) '$(GH_STATE_DIR)';                          \
	else                                                            \
	    echo "$(GH_STATE_DIR) must belong to the user of nginx's"    \
	         "workers ($(GH_USER)? GH_USER=NAME)";                   \
	fi

clean:
	rm -rf $(BUILD) $(BUILD)-test $(BUILD)-asan

help:
	@echo "make             the module and the tool, in $(BUILD)/"
	@echo "make run         a gateway to try: a key, a token, a login, a service"
	@echo "                 STORE=redis: two of them, and a Redis between them"
	@echo "make test        all tests; SANITIZE=1 under ASan and UBSan,"
	@echo "                 TESTS='t/apikey.t t/unit/test_gh_jwt.c' only these,"
	@echo "                 STORE=test on the store that answers late"
	@echo "make test-root   the same in a bare root of RELEASE=bookworm or trixie,"
	@echo "                 made by debootstrap; WHAT=valkey the stories about Redis"
	@echo "                 with Valkey, WHAT=run a gateway to try"
	@echo "make unit        unit tests only"
	@echo "make t           t/*.t only"
	@echo "make lint        the checks of the sources themselves"
	@echo "make bench       measures beside bare nginx and HAProxy, prints tables"
	@echo "                 and writes docs/benchmark.md; QUICK=1, ONLY=key,session"
	@echo "make fuzz        searches FUZZ_TIME=$(FUZZ_TIME) seconds per parser"
	@echo "make install     DESTDIR=... honoured; ./configure --help for paths;"
	@echo "                 SYSTEMD=no without the drop-in for nginx.service"
	@echo "make clean       removes what was built"
	@echo
	@echo "BUILD=DIR        where to build (build)"
	@echo "CONFIGURE_FLAGS  what the first make gives to ./configure"
