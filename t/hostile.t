# Peers that mean no good, many at once: others are served meanwhile, and
# everything they took is given back.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame raw_frame close_payload);

my $request = "GET /chat?c=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n";

# What the sidecar still holds open, by its own account.
sub left {
    my ($chat, $wanted) = @_;
    my $n;
    for (1 .. 200) {
        my $output = $chat->echo->output;
        my $opened = () = $output =~ / open /g;
        my $closed = () = $output =~ /^link \d+ close /mg;
        $n = $opened - $closed;
        last if $n == $wanted;
        sleep 0.05;
    }
    return $n;
}

sub connections {
    my ($pid) = $_[0]->nginx->worker_pids;
    my @sockets = grep { (readlink $_ // '') =~ /^socket:/ }
                  glob "/proc/$pid/fd/*";
    return scalar @sockets;
}

sub settles {
    my ($chat, $wanted) = @_;
    my $n;
    for (1 .. 200) {
        last if ($n = connections($chat)) <= $wanted;
        sleep 0.05;
    }
    return $n;
}

subtest 'upgrades that come byte by byte' => sub {
    my $chat = SealChat::Chat->new(config => 'client_header_timeout 2s;');
    ok($chat->connect->echoes('x'), 'all is well');
    my $before = settles($chat, 3);
    my @slow = map { SealChat::WebSocket->connect($chat->nginx->port) }
               1 .. 200;
    my $fine = $chat->connect;
    my ($worst, $at) = (0, 0);
    my $until = time + 1.5;
    while (time < $until) {
        my $byte = substr $request, $at++, 1;
        $_->write($byte) for @slow;
        my $start = time;
        $fine->echoes('quick') or last;
        $worst = time - $start if time - $start > $worst;
        sleep 0.02;
    }
    cmp_ok($worst, '<', 1, sprintf 'others wait %.1f ms at most',
           1000 * $worst);
    is(left($chat, 1), 1, 'the sidecar knows of none of them');
    is(scalar(grep { $_->closed } @slow), 200, 'all are closed in the end');
    close $_->socket for @slow;
    $fine->close;
    cmp_ok(settles($chat, $before), '<=', $before, 'nothing is left');
    $chat->finish;
};

subtest 'frames that come byte by byte' => sub {
    my $chat = SealChat::Chat->new(
        echo => ['--no-ticket'],
        location => 'sealchat_auth_timeout 2s; sealchat_ping_interval 1s;'
                    . 'sealchat_ping_timeout 500ms;');
    my $before = connections($chat);
    my @slow = map { $chat->connect } 1 .. 200;
    my $bytes = frame(binary => 'x' x 60000);
    my ($worst, $at) = (0, 0);
    my $until = time + 1.2;
    while (time < $until) {
        my $byte = substr $bytes, $at++, 1;
        $_->write($byte) for @slow;
        my $start = time;
        $chat->connect->echoes('quick') or last;
        $worst = time - $start if time - $start > $worst;
        sleep 0.02;
    }
    cmp_ok($worst, '<', 1, sprintf 'others wait %.1f ms at most',
           1000 * $worst);
    my $codes = 0;
    for my $ws (@slow) {
        while (my $frame = $ws->read) {
            next if $frame->{opcode} != 8;
            $codes++ if $frame->{code} == 1008;
            $ws->write(substr $bytes, $at);
            $ws->write(frame(close => close_payload(1008)));
            last;
        }
    }
    is($codes, 200, 'a byte now and then is no way to authenticate');
    is(scalar(grep { $_->closed } @slow), 200, 'all are closed');
    is(left($chat, 0), 0, 'for the sidecar too');
    cmp_ok(settles($chat, $before + 1), '<=', $before + 1, 'nothing is left');
    $chat->finish;
};

subtest 'half-open connections' => sub {
    my $chat = SealChat::Chat->new(
        location => 'sealchat_ping_interval 300ms; '
                    . 'sealchat_ping_timeout 300ms;');
    my $fine = $chat->connect;
    my $before = connections($chat);
    # Nothing comes from them any more: no pong, no FIN, no reset.
    my @gone = map { $chat->connect } 1 .. 200;
    my $until = time + 15;
    my $answered = 0;
    while (time < $until && left_now($chat) > 1) {
        my $ping = $fine->read(0.2) or next;
        $answered++ if $fine->write(frame(pong => ''));
    }
    is(left($chat, 1), 1, 'all are given up but the one that answers');
    cmp_ok($answered, '>=', 1, 'which was asked too');
    cmp_ok(settles($chat, $before), '<=', $before, 'nothing is left');
    my $output = $chat->echo->output;
    is(scalar(() = $output =~ /^link 1 close \d+ 1006 /mg), 200,
       'the sidecar is told 1006');
    $chat->finish;
};

sub left_now {
    my $output = $_[0]->echo->output;
    my $opened = () = $output =~ / open /g;
    my $closed = () = $output =~ /^link \d+ close /mg;
    return $opened - $closed;
}

subtest 'floods of pings' => sub {
    # Small sockets, so that pongs are soon held up on any machine.
    my $chat = SealChat::Chat->new(
        listen => 'sndbuf=16k',
        location => 'sealchat_send_queue 16k; sealchat_send_timeout 2s;');
    my $fine = $chat->connect;
    my @flood = map { $chat->connect(buffer => 4096) } 1 .. 20;
    my $pings = frame(ping => 'p' x 125) x 100;
    $_->socket->blocking(0) for @flood;
    my ($worst, $sent) = (0, 0);
    my $until = time + 1.5;
    while (time < $until) {
        $sent += syswrite($_->socket, $pings) // 0 for @flood;
        my $start = time;
        $fine->echoes('quick') or last;
        $worst = time - $start if time - $start > $worst;
    }
    cmp_ok($worst, '<', 1,
           sprintf 'others wait %.1f ms at most, for %d kB of pings',
           1000 * $worst, $sent / 1024);
    is(left($chat, 1), 1, 'those who do not read the pongs are given up');
    $chat->finish;
};

subtest 'streams of noise' => sub {
    my $chat = SealChat::Chat->new;
    my $fine = $chat->connect;
    my $before = connections($chat);
    srand 4;
    for my $round (1 .. 300) {
        my $ws = $chat->connect;
        $ws->write(join '', map { chr rand 256 } 1 .. 1 + rand 300);
        close $ws->socket if $round % 2;
        $ws->write(frame(close => close_payload(1000))) if !($round % 2);
    }
    ok($fine->echoes('still here'), 'others stay');
    is(left($chat, 1), 1, 'none of them is left');
    cmp_ok(settles($chat, $before), '<=', $before, 'nor anything of theirs');
    $chat->finish;
};

done_testing();
