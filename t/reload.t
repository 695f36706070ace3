# A reload, and the end of nginx.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame);

sub gone {
    my ($seconds, @pids) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        return 1 if !grep { -d "/proc/$_" } @pids;
        sleep 0.02;
    }
    return 0;
}

subtest 'reload' => sub {
    my $chat = SealChat::Chat->new;
    my @sessions = map { $chat->connect } 1 .. 20;
    ok($sessions[0]->echoes('before'), 'all is well');
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    my $wrong = 0;
    for my $ws (@sessions) {
        my $frame = $ws->read;
        $wrong++ if !$frame || $frame->{code} != 1012;
        $ws->write(frame(close => pack 'n', 1012));
        $wrong++ if !$ws->closed;
    }
    is($wrong, 0, 'all sessions are closed with 1012');
    ok(gone(3, @old), 'the old worker is gone at once');
    my $ws = $chat->connect;
    ok($ws->echoes('after'), 'the new worker serves');
    ok($chat->echo->wait_output(qr/^link 1 closed: /m),
       'the old link is closed');
    $chat->finish;
};

subtest 'reload without sessions' => sub {
    my $chat = SealChat::Chat->new;
    my $ws = $chat->connect;
    $ws->close;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    ok(gone(3, @old), 'the old worker is gone at once');
    $chat->finish;
};

subtest 'reload with a browser that does not answer' => sub {
    my $chat = SealChat::Chat->new;
    my $ws = $chat->connect;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    is($ws->read->{code}, 1012, 'it is told 1012');
    ok(gone(8, @old), 'and not waited for longer than a close may take');
    $chat->finish;
};

subtest 'worker_shutdown_timeout' => sub {
    my $chat = SealChat::Chat->new(
        main_config => 'worker_shutdown_timeout 1s;');
    my $ws = $chat->connect;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    ok(gone(3, @old), 'ends sessions that are still closing');
    ok($chat->echo->wait_output(qr/^link 1 closed/m), 'and the link');
    $chat->finish;
};

subtest 'reload while a session waits for the link' => sub {
    my $chat = SealChat::Chat->new(
        echo => ['--no-hello'], location => 'sealchat_connect_timeout 1s;');
    my $ws = SealChat::WebSocket->connect($chat->nginx->port);
    $ws->write("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
               . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
               . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n");
    sleep 0.2;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    like($ws->read_head, qr/^HTTP\S+ 504/, 'it has its answer');
    ok(gone(3, @old), 'and the old worker leaves');
    $chat->finish(errors => qr/sidecar timed out/);
};

subtest 'two workers' => sub {
    my $chat = SealChat::Chat->new(workers => 2);
    my @sessions = map { $chat->connect } 1 .. 20;
    is(scalar(grep { $_->echoes('x') } @sessions), 20, 'all are served');
    my $links = () = $chat->echo->output =~ /^link \d+$/mg;
    cmp_ok($links, '<=', 2, 'by at most one link a worker');
    $chat->finish;
};

done_testing();
