#!/bin/bash
# SealChat beside nchan on this machine, in one interleaved run: nginx with the
# SealChat module and sealchatd against nginx with nchan, the same number of
# workers, the same load, on loopback.  nchan keeps messages in memory; SealChat
# answers when they are on disk.
#
#   bench/nchan.sh [pairs [inflight [messages [rounds [workers]]]]]
#
# Prints each run's line, then the medians and their ratios.  Everything is
# written to a temporary folder under build/, which is on a real disk.
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=${1:-64}
inflight=${2:-8}
messages=${3:-2000}
rounds=${4:-3}
workers=${5:-2}

nchan_module=/usr/lib/nginx/modules/ngx_nchan_module.so
sealchat_module=$PWD/build/module/ngx_http_sealchat_module.so

for file in "$nchan_module" "$sealchat_module" build/sealchatd \
    build/sealchatctl build/bench/load; do
    [ -e "$file" ] || { echo "nchan.sh: $file is missing" >&2; exit 1; }
done

case $(stat -f -c %T build) in
tmpfs | ramfs)
    echo "nchan.sh: build/ is in memory; nothing would reach a disk" >&2
    exit 1 ;;
esac

# The socket's path has to stay below 108 bytes.
folder=$(mktemp -d build/bench-XXXXXX)
folder=$PWD/$folder
if [ ${#folder} -gt 90 ]; then
    echo "nchan.sh: the path of build/ is too long for a socket" >&2
    rmdir "$folder"
    exit 1
fi

started=()

stop() {
    local pid
    for pid in "${started[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${started[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM

free_port() {
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)
            or die $!;
        print $s->sockport'
}

user=
[ "$(id -u)" != 0 ] || user='user root;'

# nginx_conf name module port "http {} part" "server {} part"
nginx_conf() {
    mkdir -p "$folder/$1"
    cat > "$folder/$1/nginx.conf" <<CONF
$user
daemon off;
worker_processes $workers;
pid $folder/$1/nginx.pid;
error_log $folder/$1/error.log notice;
load_module $2;
events {
    worker_connections 4096;
}
http {
    access_log off;
    client_body_temp_path $folder/$1/body;
    proxy_temp_path $folder/$1/proxy;
    fastcgi_temp_path $folder/$1/fastcgi;
    uwsgi_temp_path $folder/$1/uwsgi;
    scgi_temp_path $folder/$1/scgi;
    $4
    server {
        listen 127.0.0.1:$3;
        $5
    }
}
CONF
}

# until_ready name pid command...
until_ready() {
    local name=$1 pid=$2 tries
    shift 2
    for ((tries = 0; tries < 200; tries++)); do
        if "$@"; then
            return
        fi
        if ! kill -0 "$pid" 2>/dev/null; then
            break
        fi
        sleep 0.05
    done
    echo "nchan.sh: $name did not start" >&2
    tail -n 20 "$folder"/*.log "$folder"/*/*.log >&2 || true
    exit 1
}

listens() {
    (: < "/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A master and its workers, with commas between.
with_workers() {
    local pids
    pids=$(pgrep -P "$1" | tr '\n' ,)
    echo "$1,${pids%,}"
}

sealchat_port=$(free_port)
nchan_port=$(free_port)

cat > "$folder/sealchatd.conf" <<CONF
[service]
origin = http://127.0.0.1:$sealchat_port
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

nginx_conf sealchat "$sealchat_module" "$sealchat_port" \
    "upstream sealchatd { server unix:$folder/link.sock; }" \
    "location = /sealchat { sealchat_pass sealchatd; }"

# A buffer that holds more than is in flight, so that none is lost.
nginx_conf nchan "$nchan_module" "$nchan_port" \
    "nchan_shared_memory_size 512M;" \
    "location = /pub {
         nchan_publisher websocket;
         nchan_channel_id \$arg_id;
         nchan_message_buffer_length $((inflight * 4 + 64));
         nchan_message_timeout 1m;
     }
     location = /sub {
         nchan_subscriber websocket;
         nchan_channel_id \$arg_id;
     }"

build/sealchatd -c "$folder/sealchatd.conf" &
sealchatd=$!
started+=("$sealchatd")
until_ready sealchatd "$sealchatd" test -S "$folder/link.sock"

/usr/sbin/nginx -p "$folder/sealchat" -c "$folder/sealchat/nginx.conf" \
    -e "$folder/sealchat/error.log" &
sealchat_nginx=$!
started+=("$sealchat_nginx")
/usr/sbin/nginx -p "$folder/nchan" -c "$folder/nchan/nginx.conf" \
    -e "$folder/nchan/error.log" &
nchan_nginx=$!
started+=("$nchan_nginx")
until_ready "nginx with SealChat" "$sealchat_nginx" listens "$sealchat_port"
until_ready "nginx with nchan" "$nchan_nginx" listens "$nchan_port"

load() {
    build/bench/load --pairs "$pairs" --inflight "$inflight" \
        --messages "$messages" --procs 2 "$@" >> "$folder/results"
}

# Batches so far, transactions of the store, and messages delivered.
transactions() {
    build/sealchatctl -s "$folder/admin.sock" metrics | awk '
        $1 ~ /_commits_total$/ { batches = $2 }
        $1 ~ /_sync_duration_seconds_count$/ { transactions = $2 }
        $1 ~ /_delivered_messages_total$/ { messages = $2 }
        END { print batches, transactions, messages }'
}

for ((round = 1; round <= rounds; round++)); do
    transactions >> "$folder/transactions"
    load --peer sealchat --url "127.0.0.1:$sealchat_port/sealchat" \
        --pids "$(with_workers "$sealchat_nginx"),$sealchatd"
    transactions >> "$folder/transactions"
    load --peer nchan --url "127.0.0.1:$nchan_port/" \
        --pids "$(with_workers "$nchan_nginx")"
done

perl -MJSON::PP -e '
    my %runs;
    while (<>) {
        my $run = decode_json($_);
        push @{ $runs{ $run->{peer} }{$_} }, $run->{$_} for keys %$run;
    }

    sub median {
        my @sorted = sort { $a <=> $b } @{ $_[0] };
        my $half = int(@sorted / 2);
        return @sorted % 2 ? $sorted[$half]
                           : ($sorted[$half - 1] + $sorted[$half]) / 2;
    }

    printf "%-22s %12s %12s %8s\n", "medians", "SealChat", "nchan", "ratio";
    for my $what (qw(stored_per_s delivered_per_s stored_p50_us stored_p99_us
                     delivered_p50_us delivered_p99_us server_cpu_us
                     load_cpu_us)) {
        my $ours = median($runs{sealchat}{$what});
        my $theirs = median($runs{nchan}{$what});
        printf "%-22s %12.2f %12.2f %8s\n", $what, $ours, $theirs,
            $theirs ? sprintf("%.2f", $ours / $theirs) : "-";
    }
' "$folder/results"

# LMDB syncs twice in a transaction: what it is about, then where that begins.
awk '
    NR % 2 { batches = $1; transactions = $2; messages = $3; next }
    {
        b += $1 - batches; t += $2 - transactions; m += $3 - messages
    }
    END {
        printf "%-22s %12.1f\n", "messages_per_batch", m / b
        printf "%-22s %12.2f\n", "syncs_per_batch", 2 * t / b
        printf "%-22s %12.4f\n", "syncs_per_message", 2 * t / m
    }' "$folder/transactions"
