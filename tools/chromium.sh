#!/usr/bin/env bash
# Installs Debian's chromium, in which a test looks at the pages of `sey report`, where it is missing (as root).
set -euo pipefail

command -v chromium >/dev/null && exit 0
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || { echo "chromium: missing" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null >&2
apt-get install -y -qq --no-install-recommends chromium </dev/null >&2
