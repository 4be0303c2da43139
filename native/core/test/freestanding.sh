#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the core the way a kernel module is compiled and fails if it needs any symbol from outside.
set -eu
cc=${1:-cc}
core=$(cd "$(dirname "$0")/.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for opt in -O2 -Os; do
	for source in "$core"/*.c; do
		"$cc" -std=gnu11 "$opt" -ffreestanding -nostdlib -fno-stack-protector -fno-asynchronous-unwind-tables -fno-pic \
			-mcmodel=kernel -mno-red-zone -mgeneral-regs-only -Wall -Wextra -Werror -Wvla \
			-Wframe-larger-than=512 \
			-c "$source" -o "$out/$(basename "$source" .c).o"
	done
	ld -r -o "$out/core$opt" "$out"/*.o
	if undefined=$(nm -u "$out/core$opt" | grep .); then
		echo "undefined symbols at $opt:" >&2
		echo "$undefined" >&2
		exit 1
	fi
done
echo "no undefined symbols"
