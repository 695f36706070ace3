# Limits of a session: the time to authenticate, the time to live, how much it
# may send in a second; and what the variables say of its end.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame close_payload);

my $format = <<'END';
log_format session '$sealchat_close_code "$sealchat_close_reason" '
    '$sealchat_role $sealchat_link';
END

sub last_line {
    my $chat = shift;
    my ($n, @lines) = @_;
    for (1 .. 300) {
        @lines = split /\n/, $chat->nginx->access_log;
        last if @lines >= $n;
        sleep 0.02;
    }
    return $lines[$n - 1] // '';
}

sub chat {
    my (%opt) = @_;
    my $chat = SealChat::Chat->new(%opt, http_config => $format,
        location => "access_log access.log session; $opt{location}");
    return $chat;
}

# What comes until the session is closed: the Close frame, and after how long.
sub close_of {
    my $ws = shift;
    my $start = time;
    while (my $frame = $ws->read) {
        return ($frame, time - $start) if $frame->{opcode} == 8;
    }
    return ({ code => 0 }, time - $start);
}

subtest 'a browser that does not authenticate' => sub {
    my $time = $ENV{SEALCHAT_VALGRIND} ? '3s' : '500ms';
    my $chat = chat(echo => ['--no-ticket'],
                    location => "sealchat_auth_timeout $time;");
    my $ws = $chat->connect;
    ok($ws->echoes('talks, though'), 'may talk at first');
    my ($frame, $seconds) = close_of($ws);
    is($frame->{code}, 1008, 'is closed');
    is($frame->{reason}, 'no authentication', 'and told why');
    cmp_ok($seconds, '>', 0.3, 'not before its time');
    cmp_ok($seconds, '<', 5, 'nor long after');
    $ws->write(frame(close => close_payload(1008)));
    ok($ws->closed, 'the closing handshake ends');
    like(last_line($chat, 1), qr{^1008 "no authentication" - unix:\S+#1$},
         'the variables tell');
    $chat->finish;
};

subtest 'a browser that does' => sub {
    my $chat = chat(location => 'sealchat_auth_timeout 300ms;');
    my $ws = $chat->connect;
    sleep 0.8;
    ok($ws->echoes('still here'), 'stays');
    $ws->write(frame(close => close_payload(4001, 'had enough "')));
    ok($ws->closed, 'it closes');
    like(last_line($chat, 1),
         qr{^4001 "had enough \\x22" visitor unix:\S+#1$},
         'code, reason, role and link are logged');
    $chat->finish;
};

subtest 'no time to authenticate at all' => sub {
    my $chat = chat(echo => ['--no-ticket'],
                    location => 'sealchat_auth_timeout 0;');
    my $ws = $chat->connect;
    sleep 0.3;
    ok($ws->echoes('here'), '0 turns the limit off');
    $ws->close;
    $chat->finish;
};

subtest 'a sidecar that holds all back' => sub {
    my $chat = chat(echo => ['--no-ticket'],
                    location => 'sealchat_auth_timeout 400ms;');
    my $ws = $chat->connect;
    ok($ws->echoes('x'), 'all is well');
    $chat->echo->signal('USR1');
    sleep 0.1;
    $ws->send('held back');
    ok(!$ws->read(1), 'is no reason to close a browser');
    $chat->echo->signal('USR2');
    is($ws->read->{payload}, 'held back', 'it goes on');
    is((close_of($ws))[0]{code}, 1008, 'and then has its time, once more');
    $chat->finish;
};

subtest 'a session that lives too long' => sub {
    my $chat = chat(location => 'sealchat_max_lifetime 600ms;');
    my $before = time;
    my $ws = $chat->connect;
    my ($frame) = close_of($ws);
    is($frame->{code}, 1012, 'is told to come back');
    is($frame->{reason}, 'session is too old', 'and why');
    cmp_ok(time - $before, '>', 0.55, 'not before its time');
    $ws->write(frame(close => close_payload(1012)));
    ok($ws->closed, 'the session ends');
    is($chat->connect->echoes('x'), 1, 'it may come back');
    $chat->finish;
};

# Sends n messages and reads their echoes; seconds that it took.
sub seconds_of {
    my ($ws, $n, $message) = @_;
    my $start = time;
    $ws->write(frame(binary => $message) x $n);
    my $got = 0;
    while ($got < $n && (my $frame = $ws->read)) {
        $got++ if $frame->{payload} eq $message;
    }
    is($got, $n, "$n messages come back");
    return time - $start;
}

subtest 'messages a second' => sub {
    my $chat = chat(location => 'sealchat_rate messages=50;');
    my ($fast, $other) = map { $chat->connect } 1 .. 2;
    cmp_ok(seconds_of($fast, 40, 'x'), '<', 0.9, 'below the rate: at once');
    sleep 1;
    my $seconds = seconds_of($fast, 150, 'x');
    cmp_ok($seconds, '>', 1.8, '150 at 50 a second, 50 of them at once');
    cmp_ok($seconds, '<', 6, 'and no slower than that');
    $fast->write(frame(binary => 'x') x 100);
    ok($other->echoes('quick'), 'others are not slowed down');
    $fast->write(frame(close => close_payload(1000)));
    ok($fast->closed, 'what was held back comes before the close');
    like(last_line($chat, 1), qr{^1000 }, 'which is an orderly one');
    $other->close;
    $chat->finish;
};

subtest 'pings count too' => sub {
    my $chat = chat(location => 'sealchat_rate messages=20;');
    my $ws = $chat->connect;
    my $start = time;
    $ws->write(frame(ping => 'p') x 50);
    my $pongs = 0;
    $pongs++ while $pongs < 50 && $ws->read;
    is($pongs, 50, 'each is answered');
    cmp_ok(time - $start, '>', 1.3, 'no faster than the rate');
    $chat->finish;
};

subtest 'bytes a second' => sub {
    my $chat = chat(location => 'sealchat_rate bytes=20k messages=1000;');
    my $ws = $chat->connect;
    cmp_ok(seconds_of($ws, 3, 'x' x 20000), '>', 1.8,
           '60,000 bytes at 20k a second');
    $ws->close;
    $chat->finish;
};

subtest 'a slow rate and pings' => sub {
    my $chat = chat(location => 'sealchat_rate bytes=1k; '
                    . 'sealchat_ping_interval 300ms; '
                    . 'sealchat_ping_timeout 200ms;');
    my $ws = $chat->connect;
    $ws->send('x' x 3000);
    my $frame = $ws->read;
    is($frame && length $frame->{payload}, 3000,
       'nobody who is not read is blamed for silence');
    $chat->finish;
};

subtest 'memory of those who are held back' => sub {
    my $chat = chat(shipped => 1, location => 'sealchat_rate messages=1;');
    my ($pid) = $chat->nginx->worker_pids;
    my $rss = sub {
        my $statm = SealChat::Nginx::slurp("/proc/$pid/statm");
        return 4 * (split ' ', $statm)[1];
    };
    my @sessions = map { $chat->connect } 1 .. 100;
    my $before = $rss->();
    $_->write(frame(binary => 'x') x 9000) for @sessions;   # 63 kB each
    sleep 0.3;
    cmp_ok($rss->() - $before, '<', 100 * 10, '10 kB for each at most');
    $chat->finish;
} if !$ENV{SEALCHAT_VALGRIND};    # whose memory is not nginx's

done_testing();
