# What the status page says, in its three formats, of all workers and of the
# sidecars, while workers come, leave and die.

use strict;
use warnings;

use IPC::Open3;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::Echo;
use SealChat::Sidecar;
use SealChat::WebSocket qw(frame raw_frame);

my $pages = <<'END';
location /text { sealchat_status; }
location /json { sealchat_status json; }
location /prometheus { sealchat_status prometheus; }
END

sub chat {
    my (%opt) = @_;
    return SealChat::Chat->new(
        %opt, http_config => 'sealchat_zone sealchat;'
                             . ($opt{http_config} // ''),
        config => $pages . ($opt{config} // ''));
}

sub page {
    my ($chat, $path, $method) = @_;
    my $client = SealChat::WebSocket->connect($chat->nginx->port);
    $method //= 'GET';
    $client->write("$method $path HTTP/1.1\r\nHost: x\r\n"
                   . "Connection: close\r\n\r\n");
    $client->closed;
    my ($head, $body) = split /\r\n\r\n/, $client->{in}, 2;
    return wantarray ? ($head, $body) : $body;
}

sub json { decode_json(scalar page($_[0], '/json')) }

# Waits until the page says so.
sub says {
    my ($chat, $name, $value) = @_;
    my $until = time + 10;
    my $now;
    while (time < $until) {
        $now = json($chat)->{$name};
        return 1 if $now == $value;
        sleep 0.05;
    }
    diag("$name: $now");
    return 0;
}

sub promtool {
    my $text = shift;
    my $pid = open3(my $in, my $out, undef, qw(promtool check metrics));
    print $in $text;
    close $in;
    my $said = join '', <$out>;
    waitpid $pid, 0;
    return $said . ($? ? "exit status $?" : '');
}

subtest 'what is counted' => sub {
    my $chat = chat(workers => 2);
    my @sessions = map { $chat->connect } 1 .. 10;
    $_->echoes('x' x 100) for @sessions, @sessions;
    my $page = json($chat);
    is($page->{workers}, 2, 'workers');
    is($page->{authenticated}, 10, 'sessions');
    is($page->{opened}, 10, 'ever opened');
    is("@$page{qw(frames_in frames_out)}", '20 20', 'messages');
    is("@$page{qw(bytes_in bytes_out)}", '2000 2000', 'bytes');
    cmp_ok($page->{links}, '>', 0, 'links');
    cmp_ok($page->{links}, '<=', 2, 'one for each worker');
    is($_->close(1000), 1000, 'a close') for @sessions[0 .. 2];
    $sessions[3]->write(raw_frame(opcode => 3));
    $sessions[3]->closed;
    close $sessions[4]->socket;
    $sessions[5]->close(4000);
    ok(says($chat, authenticated => 4), 'they are gone');
    $page = json($chat);
    is("@$page{qw(closed_1000 closed_1002 closed_1006 closed_other)}",
       '3 1 1 1', 'closes by code');
    is("@$page{qw(closing waiting unauthenticated draining)}", '0 0 0 0',
       'nothing else');
    is("@$page{qw(session_queue link_queue)}", '0 0', 'nothing waits');
    $chat->finish;
};

subtest 'states' => sub {
    my $chat = chat(echo => ['--no-ticket'],
                    location => 'sealchat_send_queue 4k;',
                    listen => 'sndbuf=16k');
    my $ws = $chat->connect(buffer => 4096);
    ok(says($chat, unauthenticated => 1), 'not authenticated');
    $ws->socket->blocking(0);
    my $stream = frame(binary => 'p' x 60000) x 10;
    my $until = time + 20;
    while (length $stream && time < $until && !json($chat)->{paused}) {
        my $n = syswrite $ws->socket, $stream;
        substr $stream, 0, $n // 0, '';
    }
    ok(says($chat, paused => 1), 'paused');
    cmp_ok(json($chat)->{session_queue}, '>', 4096, 'a queue');
    close $ws->socket;
    ok(says($chat, paused => 0), 'not any more');
    ok(says($chat, session_queue => 0), 'no queue');
    $chat->echo->stop('KILL');
    eval { $chat->connect };
    is(json($chat)->{refused}, 1, 'an upgrade that was refused');
    $chat->finish(errors => qr/connect|closed the link/);
};

subtest 'workers come and go' => sub {
    my $chat = chat(location => 'sealchat_drain_timeout 2s;');
    my @sessions = map { $chat->connect } 1 .. 5;
    $_->echoes('x') for @sessions;
    $chat->nginx->reload;
    ok(says($chat, leaving => 1), 'one leaves');
    my $page = json($chat);
    is($page->{workers}, 2, 'of two');
    cmp_ok($page->{draining}, '>', 0, 'its sessions drain');
    is($page->{frames_in}, 5, 'what it counted is there');
    for my $ws (@sessions) {
        $ws->read;
        $ws->write(frame(close => pack 'n', 1012));
    }
    ok(says($chat, workers => 1), 'it is gone');
    $page = json($chat);
    is("@$page{qw(authenticated draining leaving)}", '0 0 0',
       'and its gauges with it');
    is("@$page{qw(frames_in closed_1012 opened)}", '5 5 5', 'counters stay');

    my $ws = $chat->connect;
    $ws->echoes('y');
    my @workers;
    for (1 .. 100) {
        @workers = $chat->nginx->worker_pids;
        last if @workers == 1;
        sleep 0.05;
    }
    kill KILL => @workers;
    ok($chat->nginx->wait_log(qr/exited on signal 9/), 'one is killed');
    ok(says($chat, authenticated => 0), 'its gauges vanish too');
    is(json($chat)->{frames_in}, 6, 'its counters stay');
    close $ws->socket;
    is(join('', grep { !/exited on signal 9/ } $chat->nginx->stop), '',
       'nothing alarming beside');
    $chat->echo->stop;
};

# 200 workers under valgrind are too much for any machine.
subtest 'more workers than the zone has slots for' => sub {
    my $chat = SealChat::Chat->new(
        http_config => 'sealchat_zone sealchat 32k;', config => $pages,
        workers => 200, main_config => 'worker_rlimit_nofile 4096;',
        connections => 64, shipped => 1);
    ok($chat->nginx->wait_log(qr/"sealchat_zone" is too small for all/),
       'they are told of');
    ok($chat->connect->echoes('x'), 'and serve');
    ok(json($chat)->{workers} > 20, 'those that have one are counted');
    $chat->finish;
} if !$ENV{SEALCHAT_VALGRIND};

subtest 'sidecars' => sub {
    my $other = SealChat::Echo->new;
    my $chat = chat(workers => 2, server => '', config =>
        "location /other { sealchat_pass unix:@{[$other->socket]}; }");
    my $text = page($chat, '/prometheus');
    is(promtool($text), '', 'promtool has nothing to say');
    for my $socket ($chat->echo->socket, $other->socket) {
        like($text, qr/^sealchat_sidecar_up\{peer="unix:\Q$socket\E"\} 1$/m,
             'a sidecar that no session was at is asked');
        like($text, qr/^link_echo_links_total
                       \{peer="unix:\Q$socket\E"\}\ \d+$/mx,
             'its own metrics');
    }
    is(scalar(() = $text =~ /^# TYPE link_echo_links_total/mg), 1,
       'a family of both is told once');

    kill STOP => $other->pid;
    my $start = time;
    $text = page($chat, '/prometheus');
    cmp_ok(time - $start, '<', 4, 'one that hangs is not waited for');
    like($text, qr/^sealchat_sidecar_up\{peer="unix:\Q@{[$other->socket]}\E"\}
                   \ 0$/mx, 'but told of');
    like($text, qr/^sealchat_sidecar_up\{peer="[^"]*"\} 1$/m,
         'beside the other');
    is(promtool($text), '', 'promtool has nothing to say');
    kill CONT => $other->pid;
    $other->stop('KILL');
    my $page = json($chat);
    is(scalar(grep { $_->{up} } @{ $page->{sidecars} }), 1, 'one is down');
    is_deeply([map { sort keys %{ $_->{metrics} } }
               @{ $page->{sidecars} }], ['link_echo_links_total'],
              'metrics in JSON');
    like(scalar page($chat, '/text'), qr/^sidecar\ unix:\S+:\ up\n
                                         link_echo_links_total:\ \d+$/mx,
         'and in text');
    $chat->finish(errors => qr/connect|closed the link/);
};

subtest 'what sidecars should not say' => sub {
    my $chat = chat(echo => ['--strange-status']);
    my $text = page($chat, '/prometheus');
    is(promtool($text), '', 'promtool sees nothing of it');
    like($text, qr/^odd_total\{peer="[^"]+",a="b"\} 5$/m,
         'what is a sample is there');
    my $page = json($chat);
    my $metrics = $page->{sidecars}[0]{metrics};
    is($metrics->{'odd_total{a="b"}'}, 5, 'also in JSON');
    is($metrics->{odd_ratio}, 'NaN', 'what JSON has no number for is text');
    is(join(' ', sort keys %$metrics),
       'no_comment_before odd_ratio odd_total{a="b"}', 'and nothing else');
    $chat->finish;
};

subtest 'sidecars that tell of one family again and again' => sub {
    my $other = SealChat::Echo->new('--repeating-status');
    my $chat = chat(echo => ['--repeating-status'], config =>
        "location /other { sealchat_pass unix:@{[$other->socket]}; }");
    my $text = page($chat, '/prometheus');
    is(promtool($text), '', 'promtool sees nothing of it');
    is(scalar(() = $text =~ /^large\{/mg), 2000, 'each sample is told once');
    is(scalar(() = $text =~ /^# TYPE large/mg), 1, 'as of one family');
    $chat->finish;
    $other->stop;
};

subtest 'sidecars that tell of many families' => sub {
    my $chat = chat(echo => ['--many-status']);
    my %took;
    for my $round (1 .. 5) {
        for my $path (qw(/text /prometheus)) {
            my $start = time;
            my $text = page($chat, $path);
            my $took = time - $start;
            $took{$path} = $took if $took < ($took{$path} // 1e9);
            is(scalar(() = $text =~ /^f\d+\b.* 1$/mg) > 2000, 1,
               "$path: all are told") if $round == 1;
        }
    }
    cmp_ok($took{'/prometheus'}, '<', 20 * $took{'/text'},
           'finding what is of one family takes no longer with each');
    $chat->finish;
};

subtest 'a link that the page made has the times of its sessions' => sub {
    my $chat = chat(location => 'sealchat_send_timeout 1s;');
    is(json($chat)->{links}, 1, 'it makes one');
    my $ws = $chat->connect;
    ok($ws->echoes('x'), 'which a session is on');
    is(json($chat)->{links}, 1, 'and no other');
    kill STOP => $chat->echo->pid;
    ok($chat->nginx->wait_log(qr/sidecar does not answer/),
       'given up after the time of its location');
    kill CONT => $chat->echo->pid;
    close $ws->socket;
    $chat->finish(errors => qr/sidecar does not answer/);
};

subtest 'a sidecar that answers what nobody asked' => sub {
    my $chat = chat(echo => ['--unasked-status']);
    my $ws = $chat->connect;
    $ws->send('x');
    ok($chat->nginx->wait_log(qr/STATUS that was not asked for/),
       'breaks its link');
    close $ws->socket;
    $chat->finish(errors => qr/invalid record/);
};

subtest 'the real sidecar' => sub {
    my $sidecar = SealChat::Sidecar->new;
    my $socket = $sidecar->socket;
    my $chat = chat(config =>
        "location /real { sealchat_pass unix:$socket;
                          sealchat_drain_timeout 0; }");
    my @ws = map { $chat->connect(path => '/real?c=' . 'A' x 43) } 1 .. 3;
    $_->read for @ws;
    my $text = page($chat, '/prometheus');
    is(promtool($text), '', 'promtool has nothing to say');
    like($text, qr/^sealchatd_streams\{peer="unix:\Q$socket\E"[^}]+"none"\}\ 3$/mx,
         'it tells of its streams');
    is(ref json($chat)->{sidecars}[1]{metrics}, 'HASH', 'in JSON too');
    close $_->socket for @ws;
    $sidecar->stop;
    $chat->finish(errors => qr/closed the link|connect|Broken pipe/);
};

subtest 'requests' => sub {
    my $chat = chat();
    my ($head, $body) = page($chat, '/prometheus', 'HEAD');
    like($head, qr{^HTTP/1.1 200 .*^Content-Type: text/plain; version=0.0.4}ms,
         'HEAD');
    is($body, '', 'has no body');
    ($head) = page($chat, '/json', 'POST');
    like($head, qr/^HTTP\S+ 405/, 'POST is refused');
    ($head) = page($chat, '/json');
    like($head, qr{^Content-Type: application/json}m, 'JSON');

    kill STOP => $chat->echo->pid;
    for (1 .. 20) {
        my $client = SealChat::WebSocket->connect($chat->nginx->port);
        $client->write("GET /json HTTP/1.1\r\nHost: x\r\n\r\n");
        sleep 0.01;
    }
    kill CONT => $chat->echo->pid;
    ok(says($chat, workers => 1), 'clients that do not wait do no harm');
    $chat->finish;
};

done_testing();
