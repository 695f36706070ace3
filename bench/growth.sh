#!/bin/bash
# A store with millions of messages beside an empty one: figures to
# build/bench/growth.txt, and a plot to build/bench/growth.svg.
#
#   bench/growth.sh [messages [sessions [shops [beside]]]]
#
# RATE=n: messages a second while something else goes on, 2000 if not set.
# beside: measures nothing but what STORED takes while something else goes on.
#
# Ten million messages take about 11 GB under build/ while it runs, and some
# more for backups that are broken off when their slots end.
set -euo pipefail
cd "$(dirname "$0")/.."

for file in build/sealchatd build/bench/growth; do
    [ -e "$file" ] || { echo "growth.sh: $file is missing" >&2; exit 1; }
done

case $(stat -f -c %T build) in
tmpfs | ramfs)
    echo "growth.sh: build/ is in memory; nothing would reach a disk" >&2
    exit 1 ;;
esac

need=$((${1:-10000000} * 26 / 10000000 + 1))
free=$(($(stat -f -c '%a * %S' build) / 1024 / 1024 / 1024))
if [ "$free" -lt "$need" ]; then
    echo "growth.sh: $need GB have to be free under build/, and $free are" >&2
    exit 1
fi

# A socket's path has to stay short, so this one is relative.
folder=$(mktemp -d build/bench-XXXXXX)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

status=0
build/bench/growth "$folder" "$@" | tee build/bench/growth.txt || status=$?

gnuplot -e "folder='$folder'; out='build/bench/growth.svg'" bench/growth.gp
cp "$folder"/*.dat build/bench/
echo "build/bench/growth.svg, growth.txt"
exit "$status"
