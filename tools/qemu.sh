#!/usr/bin/env bash
# Installs what booting other kernels needs, where it is missing (Debian, as root).
set -euo pipefail

missing=()
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v cpio >/dev/null || missing+=(cpio)
[ ${#missing[@]} = 0 ] && exit 0
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || { echo "qemu: needs ${missing[*]}" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2
