# A sidecar that goes away and comes back: browsers notice nothing.  link-echo
# is the sidecar; what the real one does with a ticket is tested elsewhere.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame);

sub refusal {
    my $chat = shift;
    my $start = time;
    eval { $chat->connect };
    my ($status) = $@ =~ m{^HTTP/1.1 (\d+)}m;
    return ($status // 101, time - $start);
}

# A worker may learn of it by reading or by writing.
my $broke = qr/sidecar closed the link|Broken pipe|reset by peer/;

sub closes { scalar grep { my $f = $_->read(0.05); $f && $f->{opcode} == 8 } @_ }

for my $signal (qw(KILL TERM)) {
    subtest "a sidecar that ends by SIG$signal, and comes back" => sub {
        my $chat = SealChat::Chat->new;
        my @sessions = map { $chat->connect(path => "/chat?c=cid$_") }
                       1 .. 10;
        ok($sessions[0]->echoes('before'), 'all is well');
        my $old = $chat->echo->pid;
        $chat->echo->stop($signal);
        is(closes(@sessions), 0, 'nobody is told');
        $_->send('meanwhile') for @sessions;
        sleep 0.5;
        $chat->echo->start;
        is(scalar(grep { $_->read->{payload} eq 'meanwhile' } @sessions), 10,
           'what was sent meanwhile arrives');
        is(scalar(grep { $_->echoes('after') } @sessions), 10, 'all go on');
        my %ticket = $chat->echo->output =~ / cid=cid(\d+) again ticket=(\S+)/g;
        is(scalar(keys %ticket), 10, 'each stream was opened once, again');
        is(scalar(grep { $ticket{$_} eq "of-$old-1-$_" } 1 .. 10), 10,
           'with its own ticket');
        is($sessions[3]->close(4001), 4001, 'one closes');
        ok($chat->echo->wait_output(qr/^link 1 close \d+ 4001 $/m),
           'and the sidecar learns of it');
        $chat->finish(errors => $broke);
    };
}

subtest 'it goes away again and again' => sub {
    my $chat = SealChat::Chat->new;
    my @sessions = map { $chat->connect } 1 .. 5;
    my $last;
    for my $round (1 .. 4) {
        $chat->echo->stop('KILL');
        $last = $chat->echo->start->pid;
        is(scalar(grep { $_->echoes("round $round") } @sessions), 5,
           "round $round");
    }
    is(() = $chat->echo->output =~ /ticket=of-(?!$last)\d+-1-\d+$/mg, 5,
       'the newest ticket is the one that counts');
    $chat->finish(errors => $broke);
};

subtest 'a stream without a ticket' => sub {
    my $time = $ENV{SEALCHAT_VALGRIND} ? 6000 : 1500;
    my $chat = SealChat::Chat->new(
        echo => ['--no-ticket'],
        location => "sealchat_auth_timeout ${time}ms;");
    my $ws = $chat->connect;
    sleep $time / 1500;
    $chat->echo->stop('KILL');
    sleep 1;
    $chat->echo->start;
    ok($chat->echo->wait_output(qr/ again ticket=$/m), 'is opened again too');
    my $start = time;
    is($ws->read(15)->{code}, 1008, 'and has to authenticate');
    cmp_ok(time - $start, '>', $time / 1500, 'in a time that begins anew');
    $chat->finish(errors => $broke);
};

subtest 'what browsers do meanwhile' => sub {
    my $chat = SealChat::Chat->new(
        location => 'sealchat_ping_interval 300ms;'
                    . 'sealchat_ping_timeout 300ms;');
    my ($quiet, $gone, $closing) = map { $chat->connect } 1 .. 3;
    my $worker = ($chat->nginx->worker_pids)[0];
    $chat->echo->stop('KILL');
    sleep 0.1;
    close $gone->socket;
    my $sent = 0;
    my $large = frame(binary => 'x' x 60000);
    $closing->socket->blocking(0);
    for (1 .. 400) {
        my $n = syswrite $closing->socket, $large;
        last if !defined $n;
        $sent += $n;
    }
    cmp_ok($sent, '<', 16 << 20, 'no more is read than fits a buffer');
    sleep 1.2;
    my @frames = grep { $_ } map { $quiet->read(0.05) } 1 .. 5;
    is(scalar(grep { $_->{opcode} == 8 } @frames), 0,
       'their silence is not counted');
    $chat->echo->start;
    ok($chat->echo->wait_output(qr/ again ticket=\S+/), 'it is back');
    $quiet->send('here');
    my $frame;
    while ($frame = $quiet->read(5)) {
        last if $frame->{opcode} == 2;
        $quiet->write(frame(pong => $frame->{payload}));
    }
    is($frame && $frame->{payload}, 'here', 'and they go on');
    unlike($chat->nginx->error_log, qr/did not answer a ping/,
           'nobody was blamed');
    is(($chat->nginx->worker_pids)[0], $worker, 'by the same worker');
    $chat->finish(errors => $broke);
};

subtest 'a sidecar that does not come back' => sub {
    my $chat = SealChat::Chat->new(
        location => 'sealchat_send_timeout 1s; sealchat_connect_timeout 400ms;');
    my @sessions = map { $chat->connect } 1 .. 5;
    $chat->echo->stop('KILL');
    my $start = time;
    my ($status, $waited) = refusal($chat);
    is($status, 502, 'an upgrade is refused');
    cmp_ok($waited, '>', 0.3, 'not before sealchat_connect_timeout');
    cmp_ok($waited, '<', 3, 'nor long after');
    my @codes = map { my $f = $_->read; $f ? "$f->{code} $f->{reason}" : 0 }
                @sessions;
    cmp_ok(time - $start, '>', 0.9, 'sessions stay for sealchat_send_timeout');
    is("@codes", join(' ', ('1013 sidecar lost') x 5),
       'and are closed with 1013');
    $_->write(frame(close => pack 'n', 1013)) for @sessions;
    is(scalar(grep { $_->closed } @sessions), 5, 'they end');
    is((refusal($chat))[0], 502, 'then there is no sidecar at once');
    $chat->echo->start;
    ok($chat->connect->echoes('x'), 'and a new one serves new sessions');
    unlike($chat->echo->output, qr/ again/, 'which nobody comes back to');
    $chat->finish(errors => qr/sidecar does not come back/);
};

subtest 'an upgrade waits for a sidecar that is being restarted' => sub {
    my $chat = SealChat::Chat->new;
    my $ws = $chat->connect;
    $chat->echo->stop('KILL');
    my $new = SealChat::WebSocket->connect($chat->nginx->port);
    $new->write("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n");
    sleep 0.5;
    $chat->echo->start;
    like($new->read_head, qr/^HTTP\S+ 101/, 'and is answered then');
    ok($ws->echoes('x'), 'the other goes on');
    close $new->socket;
    $chat->finish(errors => $broke);
};

subtest 'several links to it' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_links 3;');
    my @sessions;
    for (1 .. 12) {
        push @sessions, $chat->connect;
        $sessions[-1]->echoes('x');
    }
    $chat->echo->stop('KILL');
    $chat->echo->start;
    is(scalar(grep { $_->echoes('y') } @sessions), 12, 'all go on');
    my $output = $chat->echo->output;
    my %on;
    $on{$1}++ while $output =~ /^link (\d+) open \d+ .* again/mg;
    is(scalar keys %on, 3, 'each link has come back');
    is(join(" ", values %on), "4 4 4", 'with its own sessions');
    $chat->finish(errors => $broke);
};

subtest 'part of a record is thrown away' => sub {
    my $chat = SealChat::Chat->new(echo => ['--truncate']);
    my $ws = $chat->connect;
    $ws->send('lost');
    ok($chat->echo->wait_output(qr/^link 2 open \d+ .* again/m),
       'the link breaks and comes back');
    is($ws->read(0.3), undef, 'nothing of it reaches the browser');
    $chat->echo->stop;
    $chat->echo->start('--flood', 1);
    ok($ws->echoes('whole'), 'the next message is whole');
    $chat->finish(errors => qr/closed the link within a record/);
};

subtest 'a slow browser stays paused' => sub {
    my $chat = SealChat::Chat->new(
        shipped => 1, echo => ['--pour', '300'],
        location => 'sealchat_send_queue 64k;');
    my $ws = $chat->connect;
    $ws->send('x' x 60000);
    # Until no buffer on the way takes any more.
    my ($was, $is) = ('', $chat->echo->output);
    while ($was ne $is || $is !~ /pause \d+\n\z/) {
        sleep 0.5;
        ($was, $is) = ($is, $chat->echo->output);
    }
    $chat->echo->stop('KILL');
    $chat->echo->start;
    ok($chat->echo->wait_output(qr/^link 1 open \d+ .* paused again/m),
       'OPEN says so');
    my $got = 0;
    while (my $frame = $ws->read(0.5)) {
        $got++;
    }
    cmp_ok($got, '>', 10, 'it takes what was on its way');
    ok($chat->echo->wait_output(qr/^link 1 resume/m), 'and then all the rest');
    $chat->finish(errors => $broke);
};

subtest 'a reload while the sidecar is away' => sub {
    my $chat = SealChat::Chat->new(location => 'sealchat_drain_timeout 1s;');
    my $ws = $chat->connect;
    $chat->echo->stop('KILL');
    sleep 0.2;
    my @old = $chat->nginx->worker_pids;
    $chat->nginx->reload;
    my $frame = $ws->read(10);
    is($frame && $frame->{code}, 1012, 'sessions are closed as ever');
    $ws->write(frame(close => pack 'n', 1012));
    my $until = time + 5;
    sleep 0.05 while time < $until && grep { -d "/proc/$_" } @old;
    is(scalar(grep { -d "/proc/$_" } @old), 0, 'and the old worker leaves');
    $chat->finish(errors => $broke);
};

done_testing();
