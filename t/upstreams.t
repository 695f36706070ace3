# Balancers of upstream{}, links to several sidecars, and what is tried
# elsewhere and what is not.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Echo;
use SealChat::Nginx;
use SealChat::Sidecar;
use SealChat::WebSocket qw(frame close_payload);

# A site of several sidecars.  %opt: echoes, how many; servers, a list of what
# stands behind each server's address; upstream, what stands first in it;
# location; echo, switches of each.
sub site {
    my (%opt) = @_;
    my @echoes = map { SealChat::Echo->new(@{ $opt{echo}[$_] // [] }) }
                 0 .. ($opt{echoes} // 3) - 1;
    my $servers = join '', map {
        'server unix:' . $echoes[$_]->socket . ' '
            . ($opt{servers}[$_] // '') . ";\n"
    } 0 .. $#echoes;
    my $nginx = SealChat::Nginx->new(
        workers => $opt{workers} // 1,
        http_config => <<"END", config => <<"END")->start;
log_format s '\$status "\$upstream_addr" \$sealchat_link '
    '\$sealchat_close_code \$sealchat_close_reason';
upstream chat { @{[$opt{upstream} // '']} $servers @{[$opt{more} // '']} }
END
location /chat {
    access_log access.log s;
    sealchat_pass chat;
    @{[$opt{location} // '']}
}
END
    return { echoes => \@echoes, nginx => $nginx };
}

sub browser {
    my ($site, $cid) = @_;
    return SealChat::WebSocket->new($site->{nginx}->port,
                                    path => '/chat?c=' . ($cid // 'x'));
}

sub refusal {
    my ($site, $cid) = @_;
    my $ws = eval { browser($site, $cid) };
    return $ws ? 101 : $@ =~ m{^HTTP/1.1 (\d+)}m ? $1 : $@;
}

# How many sessions were opened at each sidecar, by their own account.
sub opened {
    my $site = shift;
    sleep 0.1;
    return map {
        my $output = $_->output;
        scalar(() = $output =~ /^link \d+ open /mg);
    } @{ $site->{echoes} };
}

sub links_of {
    my $echo = shift;
    my $output = $echo->output;
    return scalar(() = $output =~ /^link \d+$/mg);
}

sub finish {
    my ($site, $errors, @gone) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    close $_->socket for @gone;
    is($site->{nginx}->stop, '', 'nothing alarming in the log');
    my $log = join "\n", grep { /\[(error|crit|emerg)\]/ }
              split /\n/, $site->{nginx}->error_log;
    $errors ? like($log, $errors, 'the error log says so')
            : is($log, '', 'no error in the log');
    for my $echo (@{ $site->{echoes} }) {
        $echo->stop;
        unlike($echo->output, qr/invalid record/, 'all records were valid');
    }
}

sub access {
    my ($site, $n) = @_;
    my @lines;
    for (1 .. 250) {
        @lines = split /\n/, $site->{nginx}->access_log;
        last if @lines >= $n;
        sleep 0.02;
    }
    return @lines;
}

subtest 'hash consistent' => sub {
    my $site = site(upstream => 'hash $arg_c consistent;',
                    servers => [('max_fails=0') x 3]);
    my @sessions = map { browser($site, "customer$_") } 1 .. 60;
    my @again = map { browser($site, "customer$_") } 1 .. 60;
    my (%at, $moved);
    for my $i (0 .. 2) {
        for ($site->{echoes}[$i]->output =~ /cid=(customer\d+)/g) {
            $moved++ if defined $at{$_} && $at{$_} != $i;
            $at{$_} = $i;
        }
    }
    is(scalar keys %at, 60, 'each customer comes to a sidecar');
    ok(!$moved, 'and always to the same one');
    is(scalar(grep { $_ } opened($site)), 3, 'all of them have some');

    my ($victim) = grep { $at{$_} == 1 } sort keys %at;
    my ($other) = grep { $at{$_} == 0 } sort keys %at;
    $site->{echoes}[1]->stop('KILL');
    sleep 0.1;
    is(refusal($site, $victim), 502, 'one whose sidecar is dead is refused')
        for 1 .. 3;
    ok(browser($site, $other)->echoes('x'), 'others are served');
    my $before = join ' ', (opened($site))[0, 2];
    is(refusal($site, $victim), 502, 'refused again');
    is(join(' ', (opened($site))[0, 2]), $before, 'and never taken elsewhere');
    $site->{echoes}[1]->start;
    ok(browser($site, $victim)->echoes('x'), 'served when it is back');
    finish($site, qr/sidecar closed the link/, @sessions, @again);
};

subtest 'least_conn counts sessions' => sub {
    my $site = site(upstream => 'zone chat 64k; least_conn;');
    my %sessions = map { ("c$_" => browser($site, "c$_")) } 1 .. 33;
    my @n = opened($site);
    ok(!(grep { $_ < 10 || $_ > 12 } @n), "evenly at first: @n");
    my @second = $site->{echoes}[1]->output =~ /cid=(c\d+)/g;
    is((delete $sessions{$_})->close, 1000, 'one of the second leaves')
        for @second;
    # The one that brought the link up was not counted.
    my @more = map { browser($site) } 2 .. @second;
    my @now = opened($site);
    is("$now[0] $now[2]", "$n[0] $n[2]", 'new ones come to it alone');
    finish($site, undef, values %sessions, @more);
};

subtest 'weights' => sub {
    my $site = site(servers => ['weight=5', 'weight=1', 'weight=1']);
    my @sessions = map { browser($site) } 1 .. 70;
    is(join(' ', opened($site)), '50 10 10', 'are kept');
    finish($site, undef, @sessions);
};

subtest 'backup' => sub {
    my $site = site(echoes => 2, servers => ['max_fails=1 fail_timeout=1s',
                                             'backup'],
                    location => 'sealchat_connect_timeout 400ms;');
    my $ws = browser($site);
    is(join(' ', opened($site)), '1 0', 'is not asked while there is another');
    $site->{echoes}[0]->stop('KILL');
    is(refusal($site), 502, 'the first upgrade after that finds it dead');
    my $second = browser($site);
    ok($second->echoes('x'), 'the next ones come to the backup');
    $site->{echoes}[0]->start;
    my $until = time + 10;
    while (time < $until && !(opened($site))[0]) {
        push @{ $site->{more} }, eval { browser($site) } // ();
        sleep 0.2;
    }
    is((opened($site))[0] > 0, 1, 'it comes back after fail_timeout');
    ok($second->echoes('x'), 'sessions of the backup stay there');
    ok($ws->echoes('x'), 'and the one that was there before goes on');
    finish($site, qr/sidecar closed the link/, $ws, $second,
           @{ $site->{more} });
};

subtest 'next_upstream off: nobody is taken elsewhere' => sub {
    my $site = site(echoes => 2, servers => [('max_fails=0') x 2]);
    $site->{echoes}[0]->stop('KILL');
    my @status = map { refusal($site) } 1 .. 6;
    is(join(' ', sort @status), '101 101 101 502 502 502',
       'every second upgrade is refused');
    unlike($_, qr/,/, 'one server was asked') for grep { /^502/ }
        access($site, 6);
    finish($site, qr/connect\(\).*failed/);
};

subtest 'next_upstream on: an upgrade is' => sub {
    my $site = site(echoes => 3, servers => [('max_fails=0') x 3],
                    location => 'sealchat_next_upstream on; '
                                . 'sealchat_connect_timeout 400ms;',
                    echo => [[], ['--no-hello'], []]);
    $site->{echoes}[0]->stop('KILL');
    my @sessions = map { browser($site) } 1 .. 9;
    is(scalar(grep { $_->echoes('x') } @sessions), 9, 'all are served');
    is((opened($site))[2], 9, 'by the third');
    is($sessions[$_]->close, 1000, 'a session ends') for 0 .. 8;
    my $tried = qr/"unix:\S+(?:, unix:\S+){1,2}" (\S+)#/;
    my @lines = access($site, 9);
    is(scalar(grep { /^101 $tried/ } @lines) > 2, 1,
       '$upstream_addr has all that were tried');
    $site->{echoes}[2]->stop('KILL');
    sleep 0.1;
    like(refusal($site), qr/^50[24]$/, 'none is left: refused') for 1 .. 2;
    finish($site, qr/sidecar timed out/);
};

subtest 'next_upstream on: a session is not' => sub {
    my $site = site(echoes => 2, location => 'sealchat_next_upstream on;',
                    echo => [['--close', 1013], ['--close', 1013]]);
    my @sessions = map { browser($site) } 1 .. 4;
    $sessions[0]->send('x');
    is($sessions[0]->read->{code}, 1013, 'what a sidecar answers comes through');
    my @before = opened($site);
    is("@before", '2 2', 'nobody else is asked');
    $_->stop('KILL') for @{ $site->{echoes} };
    $_->start for @{ $site->{echoes} };
    ok($site->{echoes}[$_]->wait_output(qr/ again ticket=\S+$/m),
       'a link that breaks comes back') for 0, 1;
    is(join(' ', opened($site)), '1 2', 'to where its sessions were');
    finish($site, qr/sidecar closed the link/, @sessions);
};

subtest 'max_fails, one failure for each connect' => sub {
    my $site = site(echoes => 2, upstream => 'zone chat 64k;', workers => 2,
                    servers => ['max_fails=3 fail_timeout=60s', 'backup']);
    $site->{echoes}[0]->stop('KILL');
    my @status = map { refusal($site) } 1 .. 6;
    is("@status", '502 502 502 101 101 101',
       'after three failures it is the backup\'s turn, for all workers');
    finish($site, qr/connect\(\).*failed/);
};

subtest 'a peer is given back exactly once' => sub {
    # max_conns would let too many in, or none, if one were counted wrong.
    my $site = site(echoes => 2, upstream => 'zone chat 64k;',
                    location => 'sealchat_connect_timeout 300ms;',
                    servers => ['max_conns=5 max_fails=0', 'down']);
    my $free = sub {
        my @in;
        while (@in < 20 && (my $ws = eval { browser($site) })) {
            push @in, $ws;
        }
        return @in;
    };
    my @in = $free->();
    # The session that brought the link up is not counted.
    is(scalar @in, 6, 'max_conns is reached');
    my $uncounted = shift @in;
    for my $round (1 .. 3) {
        $in[0]->close;
        close $in[1]->socket;
        $in[2]->write("\x83\x80\0\0\0\0");
        $in[2]->closed;
        $in[3]->write(frame(text => 'no'));
        $in[3]->closed;
        $in[4]->close(4000);
        my $until = time + 5;
        @in = ();
        while (time < $until && @in < 5) {
            push @in, $free->();
            sleep 0.05;
        }
        is(scalar @in, 5, "round $round: as many as before");
    }
    $site->{echoes}[0]->stop('KILL');
    $site->{echoes}[0]->start;
    ok($site->{echoes}[0]->wait_output(qr/(?:^.* again .*\n){6}/m),
       'they come back');
    is(scalar $free->(), 0, 'to the places that they had');
    $_->close for @in, $uncounted;
    $site->{echoes}[0]->stop('KILL');
    $site->{echoes}[0]->start('--no-hello');
    is(refusal($site), 504, 'a failed upgrade') for 1 .. 2;
    finish($site, qr/no live upstreams/, @in, $uncounted);
};

subtest 'a customer who is not here' => sub {
    my $sidecar = SealChat::Sidecar->new;
    my $nginx = SealChat::Nginx->new(config => 'location /chat {
        sealchat_next_upstream on;
        sealchat_pass unix:' . $sidecar->socket . '; }')->start;
    my $ws = SealChat::WebSocket->new($nginx->port,
                                      path => '/chat?c=' . 'A' x 43);
    is(unpack('C', $ws->read->{payload}), 0x81, 'a challenge');
    $ws->send(pack 'CCn x40', 0x03, 0, 1);    # ROSTER_GET, the present one
    is(unpack('C x3 n', $ws->read->{payload}) // '', 0x8c, 'an error');
    my $frame = $ws->read;
    is("@$frame{qw(code reason)}", '1013 not-here',
       'goes to the browser, and nowhere else');
    $ws->write(frame(close => close_payload(1013)));
    ok($ws->closed, 'the session ends');
    is($nginx->stop, '', 'nothing alarming in the log');
    $sidecar->stop;
};

subtest 'several links to a sidecar' => sub {
    my $site = site(echoes => 1, location => 'sealchat_links 4;');
    my $first = browser($site);
    ok($first->echoes('x'), 'one session');
    is(links_of($site->{echoes}[0]), 1, 'one link');
    my @sessions = ($first);
    for (1 .. 39) {
        push @sessions, browser($site);
        $sessions[-1]->echoes('x');
    }
    is(links_of($site->{echoes}[0]), 4, '40 sessions: four links');
    my %on;
    my $output = $site->{echoes}[0]->output;
    $on{$1}++ while $output =~ /^link (\d+) open/mg;
    ok(!(grep { $_ < 9 || $_ > 11 } values %on),
       'that share them: ' . join ' ', values %on);
    is(scalar(grep { $_->echoes('y') } @sessions), 40, 'all are served');
    $_->close for @sessions;
    my %links = map { /(\S+#\d+) 1000/ ? ($1 => 1) : () } access($site, 40);
    is(scalar keys %links, 4, '$sealchat_link tells them apart');
    $site->{echoes}[0]->stop('KILL');
    sleep 0.1;
    $site->{echoes}[0]->start;
    my $back = browser($site);
    ok($back->echoes('z'), 'it comes back');
    finish($site, qr/sidecar closed the link/, $back);
};

subtest 'a dead sidecar is noticed within the time to connect' => sub {
    my $site = site(echoes => 1, location => 'sealchat_connect_timeout 500ms;'
                                             . 'sealchat_drain_timeout 0;');
    kill STOP => $site->{echoes}[0]->pid;    # the kernel still accepts
    my $start = time;
    is(refusal($site), 504, 'a hanging one');
    my $seconds = time - $start;
    ok($seconds > 0.4 && $seconds < 3, "after $seconds s");
    kill CONT => $site->{echoes}[0]->pid;
    my $ws = browser($site);
    ok($ws->echoes('x'), 'it is used again when it answers');
    $site->{echoes}[0]->stop('KILL');
    $start = time;
    is(refusal($site), 502, 'of one that is being restarted');
    $seconds = time - $start;
    ok($seconds > 0.4 && $seconds < 3, "after $seconds s too");
    finish($site, qr/sidecar timed out/, $ws);
};

done_testing();
