# A disk that stops for ten seconds under the real sidecar: memory stays
# bounded, no link is given up, what needs no disk goes on, and everything
# comes in the end.

use strict;
use warnings;

use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Nginx;
use SealChat::WebSocket;

my $root = SealChat::Nginx::root();
my $dir = tempdir('sealchat-d-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = SealChat::Nginx->free_port;
my @pids;

sub spawn {
    my ($out, %env) = @_;
    my @command = @{ delete $env{command} };
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$out.out" or POSIX::_exit(127);
        open STDERR, '>', "$out.err" or POSIX::_exit(127);
        @ENV{keys %env} = values %env;
        exec @command or POSIX::_exit(127);
    }
    push @pids, $pid;
    return $pid;
}

END {
    local ($?, $!);
    kill KILL => @pids if @pids;
    waitpid $_, 0 for @pids;
}

sub rss {
    my $statm = SealChat::Nginx::slurp("/proc/$_[0]/statm");
    return 4096 * (split ' ', $statm)[1] / (1 << 20);
}

sub ends {
    my ($pid, $seconds) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        if (waitpid($pid, POSIX::WNOHANG) == $pid) {
            @pids = grep { $_ != $pid } @pids;
            return $? == 0;
        }
        sleep 0.05;
    }
    return 0;
}

mkdir "$dir/store" or die "$dir/store: $!\n";
open my $conf, '>', "$dir/sealchatd.conf" or die "sealchatd.conf: $!\n";
print $conf <<"END";
[service]
origin = http://127.0.0.1:$port
registration = open
seccomp = off

[link]
listen = $dir/link.sock

[store]
path = $dir/store

[quotas]
first_bytes = none
first_messages = none

[limits]
enabled = off

[log]
level = info
file = $dir/sealchatd.log
END
close $conf or die;

my $sidecar = spawn("$dir/sealchatd",
    command => ["$root/build/sealchatd", '-c', "$dir/sealchatd.conf"],
    LD_PRELOAD => "$root/build/t/preload/slow_disk.so",
    SLOW_DISK => "$dir/stop");
for (1 .. 200) {
    last if -S "$dir/link.sock";
    sleep 0.05;
}
ok(-S "$dir/link.sock", 'the sidecar listens');

my $nginx = SealChat::Nginx->new(
    port => $port, shipped => 1,
    config => "location /chat { sealchat_pass unix:$dir/link.sock; }")->start;
my ($worker) = $nginx->worker_pids;

my $load = spawn("$dir/load", command => ["$root/build/bench/load",
    '--url', "127.0.0.1:$port/chat", '--pairs', 16, '--inflight', 64,
    '--messages', 1500, '--procs', 1]);

# The load registers, logs in and signs 24,000 messages before it sends any.
sub written {
    my ($bytes) = SealChat::Nginx::slurp("/proc/$sidecar/io")
                  =~ /^wchar: (\d+)/m;
    return $bytes;
}

my $until = time + 60;
my $since = written();
while (time < $until && written() - $since < 4 << 20) {
    sleep 0.005;
}
cmp_ok(written() - $since, '>', 4 << 20, 'messages are being stored');

my ($before_worker, $before_sidecar) = (rss($worker), rss($sidecar));

open my $stop, '>', "$dir/stop" or die;
close $stop;
my $stopped = time;

# A browser that comes now waits for no disk.
my ($slowest, $challenges, $most_worker, $most_sidecar) = (0, 0, 0, 0);
while (time < $stopped + 10) {
    my $start = time;
    my $ws = SealChat::WebSocket->new(
        $port, path => '/chat?c=' . 'A' x 43);
    my $frame = $ws->read(5);
    $challenges++ if $frame && $frame->{opcode} == 2;
    my $took = time - $start;
    $slowest = $took if $took > $slowest;
    close $ws->socket;
    for ([$worker, \$most_worker], [$sidecar, \$most_sidecar]) {
        my $now = rss($_->[0]);
        ${ $_->[1] } = $now if $now > ${ $_->[1] };
    }
    sleep 0.1;
}
unlink "$dir/stop" or die;

cmp_ok($challenges, '>', 20, "$challenges browsers came meanwhile");
cmp_ok($slowest, '<', 1, sprintf 'none waited long (%.0f ms)',
       1000 * $slowest);
cmp_ok($most_worker - $before_worker, '<', 8,
       sprintf 'the worker grew by %.1f MB', $most_worker - $before_worker);
cmp_ok($most_sidecar - $before_sidecar, '<', 64,
       sprintf 'the sidecar grew by %.1f MB',
               $most_sidecar - $before_sidecar);

ok(ends($load, 30), 'the load that ran through it ends well');
my $result = SealChat::Nginx::slurp("$dir/load.out");
like($result, qr/"messages": 24000,/, 'all its messages came');
my ($seconds) = $result =~ /"seconds": ([\d.]+)/;
cmp_ok($seconds // 0, '>', 9, 'after they had waited');

unlike($nginx->error_log, qr/\[error\]|\[crit\]/, 'no link was given up');
unlike(SealChat::Nginx::slurp("$dir/sealchatd.log"), qr/closed with [1-9]/,
       'the sidecar says so too');

is($nginx->stop, '', 'nothing alarming in the log');
kill TERM => $sidecar;
ok(ends($sidecar, 10), 'the sidecar ends well');
done_testing();
