# piton: one binary, no configure step.
#
#   make                     build/piton
#   make STATIC=1            the same, statically linked
#   make SAN=address,undefined   with sanitizers, in a folder of its own
#   make CC=aarch64-linux-gnu-gcc
#   make install DESTDIR=... PREFIX=/usr
#   make check               all tests (the ./check script installs what they need first)

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr
PKG     ?= pkg-config

SAN     ?=
STATIC  ?=
B       := build$(if $(SAN),-san)$(if $(STATIC),-static)$(if $(DEBUG),-debug)

WARN    := -Wall -Wextra -Wno-missing-field-initializers
CPPFLAGS += -Isrc -D_GNU_SOURCE
ALL_CFLAGS := -std=gnu11 $(WARN) $(CFLAGS) -MMD -MP
LDFLAGS += -Wl,--as-needed
LDLIBS  := -ldw -lelf -lz -liberty -lpthread

ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DDEBUG
LDFLAGS += -fsanitize=$(SAN)
endif
ifneq ($(DEBUG),)
ALL_CFLAGS += -DDEBUG
endif
ifneq ($(STATIC),)
LDFLAGS += -static
LDLIBS  := -ldw -lelf -lz -llzma -lbz2 -lzstd -liberty -lpthread
endif

# cmd/ holds main(); everything else goes into one archive, from which the unit tests link what they need.
SRC   := $(wildcard src/*/*.c src/*/*/*.c)
OBJ   := $(SRC:src/%.c=$B/%.o)
LIB   := $B/libpiton.a
LIBOBJ := $(filter-out $B/cmd/main.o,$(OBJ))
UNIT  := $(patsubst test/unit/%.c,$B/unit/%,$(wildcard test/unit/*.c))

all: $B/piton

$B/piton: $B/cmd/main.o $(LIB)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(LIBOBJ)
	@rm -f $@
	ar rcs $@ $^

$B/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$B/unit/%: test/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

unit: $(UNIT)

check: all unit
	test/run

install: $B/piton
	install -D -m 755 $B/piton $(DESTDIR)$(PREFIX)/bin/piton

clean:
	rm -rf build build-*

-include $(OBJ:.o=.d) $(UNIT:=.d)
.PHONY: all unit check install clean
.SECONDARY:
