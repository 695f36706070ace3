# Sessions and links: one link for many, links that break and come back, and
# sidecars that misbehave.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::Nginx;
use SealChat::WebSocket qw(frame);

# The status of an upgrade that is refused, and how long that took.
sub refusal {
    my $chat = shift;
    my $start = time;
    eval { $chat->connect };
    my ($status) = $@ =~ m{^HTTP/1.1 (\d+)}m;
    return ($status, time - $start);
}

subtest 'many sessions share one link' => sub {
    my $chat = SealChat::Chat->new;
    my @sessions = map { $chat->connect(path => "/chat?c=cid$_",
                                        origin => "https://shop$_.example") }
                   1 .. 50;
    my $wrong = 0;
    for my $round (1 .. 5) {
        $sessions[$_]->send("session $_ round $round") for 0 .. 49;
        for (0 .. 49) {
            my $frame = $sessions[$_]->read;
            $wrong++ if !$frame
                        || $frame->{payload} ne "session $_ round $round";
        }
    }
    is($wrong, 0, 'each gets its own messages, in order');
    is($sessions[7]->close(4001), 4001, 'one closes');
    ok($chat->echo->wait_output(qr/^link 1 close 8 4001 $/m),
       'the sidecar learns of it, and why');
    ok($sessions[8]->echoes('still here'), 'the others stay');
    my $output = $chat->echo->output;
    is(() = $output =~ /^link \d+$/mg, 1, 'there is one link');
    like($output, qr{^link 1 open 3 addr=127\.0\.0\.1 (?#
                     )origin=https://shop3\.example cid=cid3$}m,
         'OPEN tells address, Origin and cid');
    $_->close for @sessions[0 .. 6, 8 .. 49];
    my @ids = map { $chat->connect; } 1 .. 20;
    ok((grep { $_->echoes('again') } @ids) == 20, 'stream ids are used again');
    unlike($chat->echo->output, qr/ open (6[5-9]|[7-9]\d|\d{3})/,
           'and none is made without need');
    $_->close for @ids;
    $chat->finish;
};

subtest 'messages of many browsers leave together' => sub {
    my $chat = SealChat::Chat->new(shipped => 1, log_level => 'error');
    my @sessions = map { $chat->connect } 1 .. 100;
    $_->echoes('warm') for @sessions;
    my ($worker) = $chat->nginx->worker_pids;
    my $writes = sub {
        SealChat::Nginx::slurp("/proc/$worker/io") =~ /^syscw: (\d+)/m;
        return $1;
    };
    kill STOP => $worker;
    $_->send('together') for @sessions;
    my $before = $writes->();
    kill CONT => $worker;
    is(scalar(grep { $_->read->{payload} eq 'together' } @sessions), 100,
       '100 messages come back');
    # One write for each browser's echo; those to the sidecar are few.
    # valgrind writes for itself, one or two for each of nginx's calls.
    my $n = $writes->() - $before - 100;
    cmp_ok($n, '<', 10, "$n writes took them to the sidecar")
        if !$ENV{SEALCHAT_VALGRIND};
    $chat->finish;
};

subtest 'a browser that vanishes' => sub {
    my $chat = SealChat::Chat->new;
    my $ws = $chat->connect;
    close $ws->socket;
    ok($chat->echo->wait_output(qr/^link 1 close 1 1006 $/m),
       'the sidecar is told 1006');
    $chat->finish;
};

subtest 'the sidecar closes a session' => sub {
    my $chat = SealChat::Chat->new(echo => ['--close', '4321']);
    my ($one, $two) = map { $chat->connect } 1 .. 2;
    $one->send('out');
    my $frame = $one->read;
    is($frame->{code}, 4321, 'the code comes through');
    is($frame->{reason}, 'told to', 'the reason too');
    $one->write(frame(binary => 'late'));
    $one->write(frame(close => pack 'n', 4321));
    ok($one->closed, 'the closing handshake ends');
    ok($two->write(frame(ping => 'x')) && $two->read->{opcode} == 10,
       'other sessions stay');
    $two->close;
    $chat->finish;
};

subtest 'a browser that does not answer Close' => sub {
    my $chat = SealChat::Chat->new(echo => ['--close', '4321']);
    my $ws = $chat->connect;
    $ws->send('out');
    is($ws->read->{code}, 4321, 'Close comes');
    my $start = time;
    ok($ws->closed, 'the connection is closed');
    cmp_ok(time - $start, '<', 8, 'before long');
    $chat->finish;
};


for my $case (['--garbage', qr/invalid record: unknown kind of record/],
              ['--oversize', qr/invalid record: record payload above 65536/],
              ['--truncate', qr/closed the link within a record/]) {
    subtest "a sidecar that sends $case->[0]" => sub {
        my $chat = SealChat::Chat->new(echo => [$case->[0]]);
        my ($one, $two) = map { $chat->connect } 1 .. 2;
        $one->send('go');
        ok($chat->echo->wait_output(qr/^link 2 open \d+ .* again/m),
           'another link takes its sessions');
        for my $ws ($one, $two, $chat->connect) {
            $ws->write(frame(ping => 'x'));
            is($ws->read->{opcode}, 10, 'and serves them');
        }
        $chat->finish(errors => $case->[1]);
    };
}

subtest 'a sidecar that does not greet' => sub {
    my $chat = SealChat::Chat->new(
        echo => ['--no-hello'], location => 'sealchat_connect_timeout 300ms;');
    my ($status, $seconds) = refusal($chat);
    is($status, 504, 'the upgrade is refused');
    cmp_ok($seconds, '>', 0.25, 'not before the time is over');
    cmp_ok($seconds, '<', 3, 'nor long after');
    my $gone = SealChat::WebSocket->connect($chat->nginx->port);
    $gone->write("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                 . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n");
    sleep 0.1;
    close $gone->socket;
    ok($chat->nginx->wait_log(qr/prematurely closed connection/),
       'a browser that leaves while waiting is noticed');
    $chat->finish(errors => qr/sidecar timed out/);
};

subtest 'one failure of the peer for one failed connect' => sub {
    # All five come before the first one has waited long enough.
    my $time = $ENV{SEALCHAT_VALGRIND} ? '4s' : '400ms';
    my $chat = SealChat::Chat->new(
        echo => ['--no-hello'], location => "sealchat_connect_timeout $time;",
        server => 'max_fails=2 fail_timeout=60s; '
                  . 'server unix:/nonexistent down');
    my @waiting = map {
        my $ws = SealChat::WebSocket->connect($chat->nginx->port);
        $ws->write("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                   . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n");
        $ws;
    } 1 .. 5;
    my @status = map { $_->read_head =~ m{^HTTP/1.1 (\d+)}; $1 } @waiting;
    is("@status", '504 504 504 504 504', 'all five are refused');
    is((refusal($chat))[0], 504, 'the peer is tried once more');
    is((refusal($chat))[0], 502, 'after its second failure it is not');
    like($chat->nginx->error_log, qr/no live upstreams/, 'as the log says');
    $chat->finish(errors => qr/sidecar timed out/);
};

subtest 'max_conns counts sessions until they close' => sub {
    my $chat = SealChat::Chat->new(
        server => 'max_conns=3; server unix:/nonexistent down');
    # The session that brought the link up is not counted.
    my @sessions = map { $chat->connect } 1 .. 4;
    is((refusal($chat))[0], 502, 'one more is refused');
    $sessions[2]->close;
    my $other = $chat->connect;
    ok($other, 'there is room when one has left');
    is((refusal($chat))[0], 502, 'for one only');
    $chat->finish(errors => qr/no live upstreams/);
};

subtest 'a sidecar that hangs' => sub {
    my $chat = SealChat::Chat->new(
        location => 'sealchat_send_timeout 600ms;');
    my $ws = $chat->connect;
    ok(!$ws->read(1.5), 'a quiet link is kept: its sidecar answers');
    ok($ws->echoes('hello'), 'and carries');
    kill STOP => $chat->echo->pid;
    my $frame = $ws->read(8);
    is($frame && $frame->{code}, 1013, 'a sidecar that stops is noticed');
    kill CONT => $chat->echo->pid;
    $chat->finish(errors => qr/sidecar does not answer/);
};

subtest 'a port where no sidecar listens' => sub {
    my $dead = SealChat::Nginx->free_port;
    my $nginx = SealChat::Nginx->new(
        config => "location /chat { sealchat_pass 127.0.0.1:$dead; }")->start;
    eval { SealChat::WebSocket->new($nginx->port) };
    like($@, qr{HTTP/1.1 502}, 'the upgrade is refused');
    is($nginx->stop, '', 'nothing alarming in the log');
    like($nginx->error_log, qr/\[error\].*failed \(111: Connection (?#
                               )refused\) while connecting to sidecar/, 'the error log says which');
};

done_testing();
