# Back-pressure and bounds, in both directions, and timeouts.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame);

# Resident set of the worker in MiB.
sub rss {
    my ($pid) = $_[0]->nginx->worker_pids;
    my $pages = (split ' ', SealChat::Nginx::slurp("/proc/$pid/statm"))[1];
    return $pages * 4096 / (1 << 20);
}

# Writes without ever waiting; the bytes that the socket took within seconds.
sub push_until_stuck {
    my ($ws, $chunk, $seconds) = @_;
    my ($sent, $rest, $until) = (0, '', time + $seconds);
    $ws->socket->blocking(0);
    while (time < $until) {
        $rest = $chunk if !length $rest;
        my $n = syswrite $ws->socket, $rest;
        if (defined $n) {
            $sent += $n;
            substr $rest, 0, $n, '';
            $until = time + $seconds;
        } else {
            sleep 0.02;
        }
        last if $sent > 200 << 20;
    }
    $ws->socket->blocking(1);
    return ($sent, $rest);
}

subtest 'a browser that does not read' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_send_queue 32k;');
    my ($deaf, $fine) = map { $chat->connect } 1 .. 2;
    # Echoes pile up: 20 MiB are more than all sockets on the way hold.
    my $message = frame(binary => 'x' x 60000);
    my $n = 0;
    $deaf->socket->blocking(0);
    my $paused = 0;
    for (1 .. 2000) {
        my $rest = $message;
        my $tries = 0;
        while (length $rest && $tries++ < 100) {
            my $k = syswrite $deaf->socket, $rest;
            defined $k ? substr $rest, 0, $k, '' : sleep 0.005;
        }
        $n++;
        $paused = $chat->echo->output =~ /^link 1 pause 1$/m;
        last if $paused;
    }
    $deaf->socket->blocking(1);
    ok($paused, "the sidecar is told to pause (after $n messages)");
    ok($fine->echoes('quick'), 'others go on');
    # link-echo heeds no PAUSE; the session is given up above the hard limit.
    my $got = 0;
    while (my $frame = $deaf->read(2)) {
        $got++ if $frame->{opcode} == 2;
    }
    cmp_ok($got, '>=', $n - 1, 'the browser reads, and has all messages');
    ok($chat->echo->wait_output(qr/^link 1 resume 1$/m),
       'the sidecar is told to go on');
    $chat->finish;
};

subtest 'a sidecar that ignores PAUSE' => sub {
    my $chat = SealChat::Chat->new(shipped => 1, echo => ['--flood', '400'],
                                   location => 'sealchat_send_queue 32k;');
    my ($deaf, $fine) = map { $chat->connect } 1 .. 2;
    my $before = rss($chat);
    $deaf->send('x' x 60000);    # 24 MB come back
    ok($chat->echo->wait_output(qr/^link 1 close 1 /m),
       'the session is given up');
    cmp_ok(rss($chat) - $before, '<', 40, 'memory stays bounded');
    $fine->send('y');
    ok($fine->read, 'others go on');
    $chat->finish(errors => qr/goes on sending to a paused session/);
};

# Messages may come, a Close does not.
sub open_still {
    my $ws = shift;
    while (my $frame = $ws->read(0.2)) {
        return 0 if $frame->{opcode} == 8;
    }
    return 1;
}

subtest 'a sidecar that stops reading' => sub {
    my $chat = SealChat::Chat->new(shipped => 1, echo => ['--stop-reading'],
                                   location => 'sealchat_send_timeout 4s;'
                                   . 'sealchat_ping_interval 1500ms;'
                                   . 'sealchat_ping_timeout 300ms;');
    my @sessions = map { $chat->connect } 1 .. 3;
    my $before = rss($chat);
    my ($sent) = push_until_stuck($sessions[0],
                                  frame(binary => 'x' x 60000), 0.8);
    cmp_ok($sent, '<', 16 << 20, 'the browser is not read any more');
    cmp_ok($sent, '>', 1 << 20, 'once the window is full');
    my ($more) = push_until_stuck($sessions[1],
                                  frame(binary => 'x' x 60000), 0.3);
    cmp_ok($more, '<', 10 << 20, 'nor is another one');
    $sessions[2]->send('x');
    cmp_ok(rss($chat) - $before, '<', 24, 'memory stays bounded');
    ok($chat->nginx->wait_log(qr/sidecar does not read/, 10),
       'the link is given up after sealchat_send_timeout');
    unlike($chat->nginx->error_log, qr/did not answer a ping/,
           'while browsers are not read, their silence is not counted');
    ok($chat->echo->wait_output(qr/^link 2 open \d+ .* again ticket=of-/m),
       'and sessions are taken to another');
    is(scalar(grep { !open_still($_) } @sessions), 0, 'none is closed');
    $chat->finish(errors => qr/sidecar does not read/);
};

subtest 'PAUSE of the whole link' => sub {
    my $chat = SealChat::Chat->new;
    my ($one, $two) = map { $chat->connect } 1 .. 2;
    ok($one->echoes('before'), 'all is well');
    $chat->echo->signal('USR1');
    sleep 0.2;
    $_->send('during') for $one, $two;
    ok(!$one->read(0.3) && !$two->read(0.1), 'nothing is carried');
    $chat->echo->signal('USR2');
    is($_->read->{payload}, 'during', 'afterwards it is') for $one, $two;
    $chat->finish;
};

subtest 'pings to a browser' => sub {
    my $chat = SealChat::Chat->new(
        location => 'sealchat_ping_interval 200ms; '
                    . 'sealchat_ping_timeout 300ms;');
    my ($alive, $dead) = map { $chat->connect } 1 .. 2;
    for (1 .. 5) {
        my $ping = $alive->read(2);
        is($ping && $ping->{opcode}, 9, "ping $_");
        $alive->write(frame(pong => ''));
    }
    ok($alive->echoes('alive'), 'who answers stays');
    ok($dead->closed, 'who does not is closed');
    ok($chat->nginx->wait_log(qr/client did not answer a ping/), 'and logged');
    $chat->finish;
};

subtest 'a flood of pings that nobody reads the answers of' => sub {
    my $chat = SealChat::Chat->new(shipped => 1,
                                   location => 'sealchat_send_queue 16k;'
                                               . 'sealchat_send_timeout 2s;');
    my $ws = $chat->connect;
    my $before = rss($chat);
    my ($sent) = push_until_stuck($ws, frame(ping => 'p' x 125) x 500, 0.7);
    cmp_ok($sent, '<', 32 << 20, 'is not read without end');
    cmp_ok(rss($chat) - $before, '<', 8, 'and costs no memory');
    ok($chat->nginx->wait_log(qr/client does not read/),
       'the session ends after sealchat_send_timeout');
    ok($chat->connect->echoes('x'), 'others are served');
    $chat->finish;
};

subtest '100 browsers that claim large messages' => sub {
    my $chat = SealChat::Chat->new(shipped => 1);
    $chat->connect->echoes('warm');
    my $before = rss($chat);
    my @sessions = map { $chat->connect } 1 .. 100;
    $_->write(substr frame(binary => 'x' x 65536), 0, 20) for @sessions;
    sleep 0.3;
    cmp_ok(rss($chat) - $before, '<', 6, 'get memory for what they sent only');
    $chat->finish;
};

subtest 'more browsers than a sidecar takes at once' => sub {
    my $chat = SealChat::Chat->new(
        connections => 8192, main_config => 'worker_rlimit_nofile 8192;');
    my $early = $chat->connect;
    kill STOP => $chat->echo->pid;
    # OPEN is largest with these; all of them are 2.6 MB.
    my $request = "GET /chat?c=" . 'c' x 64 . " HTTP/1.1\r\nHost: x\r\n"
        . "Origin: https://" . 'o' x 504 . "\r\nUpgrade: websocket\r\n"
        . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
        . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n";
    my @late;
    for (1 .. 4000) {
        my $ws = SealChat::WebSocket->connect($chat->nginx->port);
        $ws->write($request);
        push @late, $ws;
        # Those that leave again are as much work as those that stay.
        shift @late if @late > 100;
        sleep 0.03 if $_ % 50 == 0;
    }
    sleep 0.2;
    kill CONT => $chat->echo->pid;
    ok($early->echoes('still here'), 'a session from before stays');
    my $upgraded = grep { (eval { $_->read_head } // '') =~ m{ 101 } } @late;
    is($upgraded, 100, 'all that stay are served in the end');
    ok($late[-1]->echoes('me too'), 'the last one too');
    $early->close;
    close $_->socket for @late;
    $chat->finish;
};

done_testing();
