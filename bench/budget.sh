#!/bin/bash
# What each message costs in system calls, allocations and bytes on disk: the
# shipped nginx and module with one worker, and the shipped sealchatd, under
# strace, then with their allocations counted.  A short and a long run are
# subtracted from each other, so that starting and logging in do not count.
#
#   bench/budget.sh [pairs [inflight [messages]]]
#
# Under strace both are slower, and more messages share a batch than without
# it: the counts are for the number of messages in a batch that is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=${1:-64}
inflight=${2:-8}
messages=${3:-200}

module=$PWD/build/module/ngx_http_sealchat_module.so
counter=$PWD/build/t/preload/count_allocations.so

for file in "$module" "$counter" build/sealchatd build/sealchatctl \
    build/bench/load; do
    [ -e "$file" ] || { echo "budget.sh: $file is missing" >&2; exit 1; }
done

# The socket's path has to stay below 108 bytes.
folder=$PWD/$(mktemp -d build/bench-XXXXXX)
started=()

stop() {
    local pid
    for pid in "${started[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    wait
    started=()
}
trap 'stop; [ -n "${KEEP:-}" ] || rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

port=$(perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)
        or die $!;
    print $s->sockport')

user=
[ "$(id -u)" != 0 ] || user='user root;'

cat > "$folder/sealchatd.conf" <<CONF
[service]
origin = http://127.0.0.1:$port
registration = open
[link]
listen = $folder/link.sock
[admin]
listen = $folder/admin.sock
[store]
path = $folder/store
map_size = 16g
[quotas]
first_bytes = none
first_messages = none
[limits]
enabled = off
[log]
level = warn
file = $folder/sealchatd.log
CONF

cat > "$folder/nginx.conf" <<CONF
$user
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log notice;
load_module $module;
events {
    worker_connections 4096;
}
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    upstream sealchatd { server unix:$folder/link.sock; }
    server {
        listen 127.0.0.1:$port;
        location = /sealchat { sealchat_pass sealchatd; }
    }
}
CONF

# until command...
until_true() {
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        if "$@"; then
            return
        fi
        sleep 0.05
    done
    echo "budget.sh: the service did not start" >&2
    tail -n 20 "$folder"/*.log "$folder"/*.err >&2 || true
    exit 1
}

listens() {
    (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# What strace runs; nginx's master has children of its own.
inner() {
    if [ "$(cat "/proc/$1/comm")" = strace ]; then
        pgrep -P "$1"
    else
        echo "$1"
    fi
}

# run name messages wrapper...: starts both, each in the wrapper with its
# output's name behind it, loads them and stops them.
run() {
    local name=$1 n=$2 sealchatd nginx
    shift 2

    rm -rf "$folder/store" "$folder/error.log"
    "$@" "$folder/$name.sealchatd" build/sealchatd \
        -c "$folder/sealchatd.conf" 2> "$folder/sealchatd.err" &
    sealchatd=$!
    until_true test -S "$folder/link.sock"
    "$@" "$folder/$name.nginx" /usr/sbin/nginx -p "$folder" \
        -c "$folder/nginx.conf" -e "$folder/error.log" \
        2> "$folder/nginx.err" &
    nginx=$!
    until_true listens
    sealchatd=$(inner "$sealchatd")
    nginx=$(inner "$nginx")
    started=("$nginx" "$sealchatd")

    build/bench/load --peer sealchat --url "127.0.0.1:$port/sealchat" \
        --pairs "$pairs" --inflight "$inflight" --messages "$n" --procs 2 \
        > "$folder/$name.load" 2>/dev/null
    build/sealchatctl -s "$folder/admin.sock" metrics > "$folder/$name.metrics"
    grep -E '^(wchar|write_bytes)' "/proc/$sealchatd/io" > "$folder/$name.io"

    stop
    grep -h '^allocations' "$folder/sealchatd.err" \
        > "$folder/$name.sealchatd.allocations" || true
    grep -h '^allocations' "$folder/nginx.err" "$folder/error.log" \
        > "$folder/$name.nginx.allocations" || true
}

# Called with the file for the output, and the command.
traced() {
    local out=$1
    shift
    exec strace -f -c -o "$out" "$@"
}

counted() {
    shift
    exec env LD_PRELOAD="$counter" "$@"
}

for wrapper in traced counted; do
    run "$wrapper-short" "$messages" "$wrapper"
    run "$wrapper-long" $((4 * messages)) "$wrapper"
done

perl - "$folder" $((3 * messages * pairs)) <<'PERL'
use strict;
use warnings;

my ($folder, $messages) = @ARGV;

sub lines { open my $file, '<', "$folder/$_[0]" or die "$_[0]: $!"; <$file> }

# strace's table: the name is last, the number of calls fourth.
sub calls {
    my %calls;
    for (lines($_[0])) {
        my @f = split;
        next unless @f >= 5 && $f[0] =~ /^[\d.]+$/ && $f[3] =~ /^\d+$/;
        $calls{ $f[-1] } = $f[3];
    }
    delete $calls{total};
    return %calls;
}

sub metric {
    my ($name, $run) = @_;
    for (lines("$run.metrics")) { return $1 if /^\w*$name (\S+)/ }
    die "no metric $name";
}

sub number {
    my ($name, $before) = @_;
    my $n = 0;
    for (lines($name)) { $n += $1 if /$before(\d+)\s*$/ }
    return $n;
}

printf "messages a batch %.1f (under strace), %.1f (without it)\n",
    map { my $w = $_; $messages / (metric('commits_total', "$w-long")
                                   - metric('commits_total', "$w-short")) }
    qw(traced counted);

for my $who (qw(nginx sealchatd)) {
    my %long = calls("traced-long.$who");
    my %short = calls("traced-short.$who");
    for my $call (sort { $long{$b} <=> $long{$a} } keys %long) {
        my $each = ($long{$call} - ($short{$call} // 0)) / $messages;
        printf "%-9s %-14s %8.4f\n", $who, $call, $each if $each > 0.0005;
    }
    printf "%-9s %-14s %8.4f\n", $who, 'allocations',
        (number("counted-long.$who.allocations", '^allocations \\d+ ')
         - number("counted-short.$who.allocations", '^allocations \\d+ ')) / $messages;
}

printf "sealchatd %-14s %8.1f\n", "bytes to disk",
    (number('counted-long.io', '^write_bytes: ')
     - number('counted-short.io', '^write_bytes: ')) / $messages;
PERL
