# piton: one binary, no configure step.
#
#   make                     build/piton
#   make STATIC=1            the same, statically linked
#   make SAN=address,undefined   with sanitizers, in a folder of its own
#   make CC=aarch64-linux-gnu-gcc
#   make install DESTDIR=... PREFIX=/usr
#   make lib                 build/libpiton-vm.a and .so: the BPF machine for programs of others
#   make check               all tests (the ./check script installs what they need first)

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr
PKG     ?= pkg-config
OBJCOPY ?= objcopy

SAN     ?=
STATIC  ?=
B       := build$(if $(SAN),-san)$(if $(STATIC),-static)$(if $(DEBUG),-debug)

WARN    := -Wall -Wextra -Wno-missing-field-initializers
CPPFLAGS += -Isrc -D_GNU_SOURCE
ALL_CFLAGS := -std=gnu11 $(WARN) $(CFLAGS) -MMD -MP
LDFLAGS += -Wl,--as-needed
# What costs a start less: zlib as an archive where there is one, and relocations packed where the C library knows them.
LIBZ    := $(or $(wildcard $(shell $(CC) -print-file-name=libz.a)),-lz)
LDLIBS  := $(LIBZ) -liberty -lpthread

ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DDEBUG
LDFLAGS += -fsanitize=$(SAN)
endif
ifneq ($(DEBUG),)
ALL_CFLAGS += -DDEBUG
endif
ifneq ($(STATIC),)
LDFLAGS += -static
else ifneq ($(shell grep -qs GLIBC_ABI_DT_RELR $$($(CC) -print-file-name=libc.so.6) && echo known),)
LDFLAGS += -Wl,-z,pack-relative-relocs
endif

# cmd/ holds main(); everything else goes into one archive, from which the unit tests link what they need.
SRC   := $(wildcard src/*/*.c src/*/*/*.c)
OBJ   := $(SRC:src/%.c=$B/%.o)
LIB   := $B/libpiton.a
LIBOBJ := $(filter-out $B/cmd/main.o,$(OBJ))
UNIT  := $(patsubst test/unit/%.c,$B/unit/%,$(wildcard test/unit/*.c))

# libpiton-filter: the filter compiler alone (include/piton-filter.h).
FILTOBJ := $(filter-out $(addprefix $B/filt/,capread.o capwrite.o live.o owner.o show%.o),\
	$(filter $B/base/%.o $B/filt/%.o,$(OBJ)))

all: $B/piton $B/libpiton-filter.a $B/libpiton-filter.so

# libpiton-vm: the rooms base, bpf and vm alone, for programs of others (include/piton-vm.h). Only pvm_* is seen outside.
VMSRC := $(wildcard src/base/*.c src/bpf/*.c src/vm/*.c src/vm/*/*.c)
lib: $B/libpiton-vm.a $B/libpiton-vm.so

$B/libpiton-vm.o: $(VMSRC:src/%.c=$B/pic/%.o)
	$(LD) -r -o $@ $^
	$(OBJCOPY) --wildcard --keep-global-symbol='pvm_*' $@
$B/libpiton-vm.a: $B/libpiton-vm.o
	@rm -f $@
	ar rcs $@ $^
$B/libpiton-vm.so: $B/libpiton-vm.o
	$(CC) -shared $(LDFLAGS) -Wl,-soname,libpiton-vm.so.0 -o $@ $^ -lz -lpthread
$B/pic/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIC -c -o $@ $<
-include $(VMSRC:src/%.c=$B/pic/%.d)

$B/piton: $B/cmd/main.o $(LIB)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(LIBOBJ)
	@rm -f $@
	ar rcs $@ $^

# Optimized and sanitized, the interpreter's one large function takes a compiler a minute.
ifneq ($(SAN),)
$B/vm/interp.o: ALL_CFLAGS += -O0
endif

$B/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$B/unit/%: test/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

# Generated scripts: see the head of test/fuzz/scripts.c.
GEN := $(patsubst test/%.c,$B/%.o,$(wildcard test/fuzz/gen*.c) test/fuzz/rand.c)
$B/fuzz/%.o: test/fuzz/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itest/fuzz $(ALL_CFLAGS) -c -o $@ $<
$B/fuzz/scripts $B/fuzz/mutate: $B/fuzz/%: $B/fuzz/%.o $(GEN) $(LIB)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
-include $(GEN:.o=.d) $B/fuzz/scripts.d $B/fuzz/mutate.d

$B/libpiton-filter.a: $(FILTOBJ)
	@rm -f $@
	ar rcs $@ $^

# The shared one is compiled apart: position-independent, with only the names of its header to be seen.
$B/libpiton-filter.so: $(FILTOBJ)
	$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -fPIC -shared -Wl,-soname,libpiton-filter.so.0 -Wl,-z,defs \
		-Wl,--version-script=src/filt/lib.map $(filter-out -static,$(LDFLAGS)) -o $@ $(FILTOBJ:$B/%.o=src/%.c)

unit: $(UNIT) $B/fuzz/scripts $B/fuzz/mutate

check: all unit
	test/run

install-lib: lib
	install -D -m 644 include/piton-vm.h $(DESTDIR)$(PREFIX)/include/piton-vm.h
	install -D -m 644 $B/libpiton-vm.a $(DESTDIR)$(PREFIX)/lib/libpiton-vm.a
	install -D -m 755 $B/libpiton-vm.so $(DESTDIR)$(PREFIX)/lib/libpiton-vm.so.0
	ln -sf libpiton-vm.so.0 $(DESTDIR)$(PREFIX)/lib/libpiton-vm.so

install: all
	install -D -m 755 $B/piton $(DESTDIR)$(PREFIX)/bin/piton
	install -D -m 644 $B/libpiton-filter.a $(DESTDIR)$(PREFIX)/lib/libpiton-filter.a
	install -D -m 755 $B/libpiton-filter.so $(DESTDIR)$(PREFIX)/lib/libpiton-filter.so.0
	ln -sf libpiton-filter.so.0 $(DESTDIR)$(PREFIX)/lib/libpiton-filter.so
	install -D -m 644 include/piton-filter.h $(DESTDIR)$(PREFIX)/include/piton-filter.h
	for m in piton.1 piton-filter.1; do install -D -m 644 man/$$m $(DESTDIR)$(PREFIX)/share/man/man1/$$m || exit 1; done
	install -D -m 644 man/piton-language.7 $(DESTDIR)$(PREFIX)/share/man/man7/piton-language.7
	mkdir -p $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$B/piton completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/piton
	$B/piton completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_piton
	$B/piton completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/piton.fish

# The manual of the language as a man page.
man: man/piton-language.7
man/piton-language.7: doc/language.md doc/man.awk
	awk -f doc/man.awk doc/language.md >$@

clean:
	rm -rf build build-*

-include $(OBJ:.o=.d) $(UNIT:=.d)
.PHONY: all lib unit check install man clean
.SECONDARY:
