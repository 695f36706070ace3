# What stops in one place is not felt in another: those who do not wait for
# the stopped part are as fast as in a run beside it that nothing disturbs.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::Echo;
use SealChat::Nginx;
use SealChat::WebSocket qw(frame);

sub rss {
    my ($pid) = $_[0]->worker_pids;
    my $statm = SealChat::Nginx::slurp("/proc/$pid/statm");
    return 4096 * (split ' ', $statm)[1] / (1 << 20);
}

# Rounds there and back, in turn here and there: their medians, in ms.
sub medians {
    my ($rounds, @sessions) = @_;
    my @times;
    for (1 .. $rounds) {
        for my $i (0 .. $#sessions) {
            my $start = time;
            $sessions[$i]->echoes("round $_") or return;
            push @{ $times[$i] }, 1000 * (time - $start);
        }
    }
    return map { (sort { $a <=> $b } @$_)[@$_ / 2] } @times;
}

# One round trip is some 0.1 ms; what waits for another's timeout waits
# seconds.  Others use this machine too, so the bound is generous.
sub as_fast {
    my ($there, $here) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($undisturbed, $disturbed) = medians(200, $there, $here);
    ok(defined $disturbed && $disturbed < 5 * $undisturbed + 2,
       sprintf 'others: %.2f ms there and back, %.2f ms in a run beside it',
               $disturbed // -1, $undisturbed // -1);
}

my $beside = SealChat::Chat->new(shipped => 1);
my $undisturbed = $beside->connect;

# nginx and browsers take little into their sockets, or 1,000 take gigabytes.
my @small = (shipped => 1, connections => 4096, listen => 'sndbuf=16k',
             main_config => 'worker_rlimit_nofile 4096;');

for my $n (1, 1000) {
    subtest "$n that do not read" => sub {
        my $chat = SealChat::Chat->new(@small, echo => ['--pour', 100000],
                                       location => 'sealchat_send_queue 16k;'
                                       . 'sealchat_send_timeout 30s;');
        my @deaf = map { $chat->connect(buffer => 4096) } 1 .. $n;
        my $fine = $chat->connect;
        my $before = rss($chat->nginx);
        $_->send('p' x 8000) for @deaf;
        my $until = time + 15;
        my $paused = 0;
        while ($paused < $n && time < $until) {
            sleep 0.1;
            $paused = () = $chat->echo->output =~ /^link 1 pause /mg;
        }
        cmp_ok($paused, '>=', $n, 'their streams are paused');
        as_fast($undisturbed, $fine);
        # 16 kB, one message, and what was on its way when PAUSE left.
        my $each = (rss($chat->nginx) - $before) / $n * 1024;
        cmp_ok($each, '<', $n == 1 ? 2000 : 60,
               sprintf 'each takes some kilobytes (%.0f)', $each);
        my $whole = 0;
        for (1 .. 50) {
            my $frame = $deaf[0]->read or last;
            $whole++ if length $frame->{payload} == 8000;
        }
        is($whole, 50, 'one that reads after all has its messages');
        unlike($chat->nginx->error_log, qr/sidecar does not|sidecar closed|goes on sending/,
               'no link and no session is given up');
        is(scalar(() = $chat->echo->output =~ /^link \d+$/mg), 1, 'one link');
        $chat->finish;
    };
}

subtest 'a sidecar that stops' => sub {
    my $stopped = SealChat::Echo->new;
    my $chat = SealChat::Chat->new(
        shipped => 1, location => 'sealchat_send_timeout 20s;',
        config => 'location /stopped { sealchat_pass unix:'
                  . $stopped->socket . '; sealchat_send_timeout 20s; }');
    my $fine = $chat->connect;
    my @hang = map { $chat->connect(path => '/stopped?c=x') } 1 .. 10;
    ok($hang[0]->echoes('x'), 'all is well');
    kill STOP => $stopped->pid;
    my $before = rss($chat->nginx);
    my $message = frame(binary => 'x' x 60000);
    for my $ws (@hang) {
        $ws->socket->blocking(0);
        for (1 .. 100) {
            my $n = syswrite $ws->socket, $message;
            last if !defined $n || $n < length $message;
        }
        $ws->socket->blocking(1);
    }
    as_fast($undisturbed, $fine);
    cmp_ok(rss($chat->nginx) - $before, '<', 8, 'memory stays bounded');
    unlike($chat->nginx->error_log, qr/sidecar does not|closed with/,
           'nothing is given up before sealchat_send_timeout');
    kill CONT => $stopped->pid;
    my $echoed = $hang[0]->read;
    ok($echoed && length $echoed->{payload} == 60000, 'it goes on');
    $chat->finish;
    $stopped->stop;
};

$beside->finish;
done_testing();
