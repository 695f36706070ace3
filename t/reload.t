# A reload, an upgrade, the end of nginx and of its workers.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame);

my $upgrade = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n";

sub gone {
    my ($seconds, @pids) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        return 1 if !grep { -d "/proc/$_" } @pids;
        sleep 0.02;
    }
    return 0;
}

# Reads Close, answers it, and says when it came and what it was.
sub closes {
    my @left = @_;
    my @came;
    my $until = time + ($ENV{SEALCHAT_VALGRIND} ? 90 : 20);
    while (@left && time < $until) {
        my @still;
        for my $ws (@left) {
            my $frame = $ws->read(0.002);
            push(@still, $ws), next if !$frame;
            push @came, { at => time, %$frame };
            $ws->write(frame(close => pack 'n', $frame->{code} // 1000));
        }
        @left = @still;
    }
    return @came;
}

subtest 'reload' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 3s;');
    my @sessions = map { $chat->connect } 1 .. 60;
    ok($sessions[0]->echoes('before'), 'all is well');
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    my $start = time;
    ok($chat->nginx->wait_log(qr/gracefully shutting down/), 'it begins');
    my $new = $chat->connect;
    ok($new->echoes('after'), 'the new worker serves');
    ok($sessions[30]->echoes('still'), 'the old one too');
    my @came = closes(@sessions);
    my $took = time - $start;
    is(scalar @came, 60, 'all sessions are closed');
    is(scalar(grep { $_->{code} != 1012 } @came), 0, 'with 1012');
    my @after = map { $_->{reason} =~ /^retry-after-ms=(\d+)$/ ? $1 : () }
                @came;
    is(scalar @after, 60, 'and all are told when to come back');
    my ($soonest, $latest) = (sort { $a <=> $b } @after)[0, -1];
    cmp_ok($latest, '<', 1250, 'which is soon');
    cmp_ok($soonest, '>=', 250, 'and not before all workers leave');
    cmp_ok(keys %{ { map { $_ => 1 } @after } }, '>', 20, 'and not at once');
    # An equal part of the window for each, so 10 in half a second.
    my %half;
    $half{int($_ / 500)}++
        for $chat->nginx->error_log =~ /session leaves in (\d+) ms/g;
    my ($most) = sort { $b <=> $a } values %half;
    cmp_ok($most, '<=', 20, "at most $most of 60 in half a second");
    cmp_ok($took, '>', 2.5, 'over the window');
    ok(gone(2, @old), 'the old worker is gone then');
    ok($chat->echo->wait_output(qr/^link 1 closed: /m),
       'the old link is closed');
    ok($new->echoes('on'), 'new sessions stay');
    $chat->finish;
};

subtest 'no window' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 0;');
    my @sessions = map { $chat->connect } 1 .. 20;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    is(scalar(grep { $_->{code} == 1012 } closes(@sessions)), 20,
       'all sessions are closed');
    ok(gone(3, @old), 'the old worker is gone at once');
    $chat->finish;
};

subtest 'sessions that leave by themselves' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 1h;');
    my @sessions = map { $chat->connect } 1 .. 5;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    ok($chat->nginx->wait_log(qr/gracefully shutting down/), 'it begins');
    ok($sessions[0]->echoes('still'), 'they are served');
    is($_->close, 1000, 'one leaves') for @sessions;
    ok(gone(3, @old), 'the old worker does not wait for more');
    $chat->finish;
};

subtest 'a session that is older than it may be, in the drain' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 1h;'
                                               . 'sealchat_max_lifetime 1s;');
    my $ws = $chat->connect;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    is($ws->read->{reason}, 'session is too old', 'is closed for that');
    $ws->write(frame(close => pack 'n', 1012));
    ok(gone(3, @old), 'the old worker is gone');
    $chat->finish;
};

subtest 'a reload during a reload' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 3s;');
    my @all = map { $chat->connect } 1 .. 20;
    my @old = $chat->nginx->worker_pids;
    for my $round (1 .. 3) {
        $chat->nginx->reload;
        my $until = time + 5;
        sleep 0.02 while time < $until
            && !grep { my $pid = $_; !grep { $_ == $pid } @old }
                     $chat->nginx->worker_pids;
        sleep 0.2;
        push @all, map { $chat->connect } 1 .. 20;
        push @old, $chat->nginx->worker_pids;
    }
    my ($last) = map { $chat->connect } 1;
    my @came = closes(@all[0 .. 59]);
    is(scalar(grep { $_->{code} == 1012 } @came), 60,
       'each worker closes its sessions once');
    is(scalar(grep { $_->echoes('x') } @all[60 .. 79], $last), 21,
       'those of the last one stay');
    $chat->finish;
};

subtest 'a binary upgrade' => sub {
    # The second master gets no environment, and so no sanitizers.
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 1s;',
                                   shipped => 1, daemon => 1);
    my @sessions = map { $chat->connect } 1 .. 10;
    my @old = $chat->nginx->worker_pids;
    my $first = $chat->nginx->pid;
    kill USR2 => $first;
    ok($chat->nginx->wait_log(qr/(?:start worker process .*){2}/s),
       'a second master');
    my $second = $chat->nginx->pid_file;
    isnt($second, $first, 'that has the pid file');
    kill WINCH => $first;
    is(scalar(grep { $_->{code} == 1012 } closes(@sessions)), 10,
       'the first one drains its sessions');
    ok(gone(3, @old), 'its workers go');
    my $ws = $chat->connect;
    ok($ws->echoes('x'), 'the second one serves');
    kill QUIT => $first;
    ok(defined $chat->nginx->wait_exit(10), 'the first one goes');
    $chat->nginx->adopt($second);
    $chat->finish;
};

subtest 'logs are opened again' => sub {
    my $chat = SealChat::Chat->new;
    my $ws = $chat->connect;
    my $log = $chat->nginx->dir . '/error.log';
    rename $log, "$log.1" or die;
    kill USR1 => $chat->nginx->pid;
    ok($chat->nginx->wait_log(qr/reopening logs/, 5) || -e $log, 'a new log');
    my $until = time + 5;
    sleep 0.02 while !-e $log && time < $until;
    sleep 0.1;
    ok($ws->echoes('x'), 'the session goes on');
    is($ws->close, 1000, 'and closes');
    ok($chat->nginx->wait_log(qr/session closed with 1000/),
       'which the new log says');
    kill STOP => $chat->echo->pid;
    $chat->echo->stop('KILL');
    ok($chat->nginx->wait_log(qr/sidecar closed the link/),
       'and what a link from before has to say');
    $chat->finish(errors => qr/sidecar closed/);
};

subtest 'kill -9 of a worker' => sub {
    my $chat = SealChat::Chat->new(workers => 2, listen => 'reuseport');
    my @sessions = map { $chat->connect } 1 .. 20;
    my @old = $chat->nginx->worker_pids;
    kill KILL => $old[0];
    ok($chat->nginx->wait_log(qr/exited on signal 9/), 'it is gone');
    my $lost = grep { !$_->echoes('x') } @sessions;
    cmp_ok($lost, '<', 20, "its sessions are lost ($lost of 20)");
    my @again = map { $chat->connect } 1 .. 20;
    is(scalar(grep { $_->echoes('y') } @again), 20, 'browsers come back');
    close $_->socket for @sessions, @again;
    my @alarms = grep { !/exited on signal 9/ } $chat->nginx->stop;
    is("@alarms", '', 'nothing alarming beside');
    $chat->echo->stop;
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
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 0;');
    my $ws = $chat->connect;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    is($ws->read->{code}, 1012, 'it is told 1012');
    ok(gone(8, @old), 'and not waited for longer than a close may take');
    $chat->finish;
};

subtest 'worker_shutdown_timeout' => sub {
    my $chat = SealChat::Chat->new(
        main_config => 'worker_shutdown_timeout 1s;',
        location => 'sealchat_drain_timeout 1h;');
    my $ws = $chat->connect;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    ok(gone(3, @old), 'ends sessions that have not left');
    ok($ws->closed, 'without further words');
    ok($chat->echo->wait_output(qr/^link 1 closed/m), 'and the link');
    $chat->finish;
};

subtest 'reload while a session waits for the link' => sub {
    my $chat = SealChat::Chat->new(
        echo => ['--no-hello'], location => 'sealchat_connect_timeout 1s;');
    my $ws = SealChat::WebSocket->connect($chat->nginx->port);
    $ws->write($upgrade);
    sleep 0.2;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    like($ws->read_head, qr/^HTTP\S+ 504/, 'it has its answer');
    ok(gone(3, @old), 'and the old worker leaves');
    $chat->finish(errors => qr/sidecar timed out/);
};

subtest 'an upgrade that waits for a link that was lost' => sub {
    my $chat = SealChat::Chat->new(
        location => 'sealchat_drain_timeout 0; sealchat_connect_timeout 2s;');
    my $ws = $chat->connect;
    my ($worker) = $chat->nginx->worker_pids;
    $chat->echo->stop('KILL');
    # Attempts become rarer; another one has just been made, so that the next
    # comes after the other session has left.
    sleep 2;
    my $attempts = sub { scalar(() = $chat->nginx->error_log
                                     =~ /connect\(\) .*failed/g) };
    my ($before, $until) = ($attempts->(), time + 5);
    sleep 0.01 while $attempts->() == $before && time < $until;
    my $late = SealChat::WebSocket->connect($chat->nginx->port);
    $late->write($upgrade);
    sleep 0.1;
    kill QUIT => $worker;
    is((closes($ws))[0]{code}, 1012, 'the session before it is closed');
    close $ws->socket;
    like(eval { $late->read_head } // $@, qr/^HTTP\S+ 50[24]/,
         'it has its answer');
    ok(gone(3, $worker), 'and the worker leaves then');
    $chat->finish(errors => qr/failed/);
};

subtest 'a session that opens in the drain joins it' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 1s;');
    kill STOP => $chat->echo->pid;
    my $late = SealChat::WebSocket->connect($chat->nginx->port);
    $late->write($upgrade);
    sleep 0.2;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    ok($chat->nginx->wait_log(qr/gracefully shutting down/), 'it begins');
    kill CONT => $chat->echo->pid;
    like($late->read_head, qr/^HTTP\S+ 101/, 'an upgrade that was waiting');
    ok($late->echoes('x'), 'is served');
    my ($came) = closes($late);
    like($came->{reason}, qr/^retry-after-ms=/, 'and drained too');
    ok(gone(3, @old), 'and the old worker leaves');
    $chat->finish;
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
