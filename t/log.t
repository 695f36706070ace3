# What nginx does around a session: access log and variables at its close,
# limit_conn, allow and deny, realip, error_page, the error log.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use SealChat::Chat;
use SealChat::WebSocket qw(frame);

my $chat = SealChat::Chat->new(
    http_config => <<'END', location => <<'END', config => <<'END');
log_format session '$status $sealchat_frames_in/$sealchat_frames_out '
    '$sealchat_bytes_in/$sealchat_bytes_out $sealchat_close_code '
    '$sealchat_session_time $http_user_agent $request $upstream_addr';
limit_conn_zone $arg_zone zone=conns:1m;
END
    access_log $TEST_NGINX_SESSION_LOG session;
    access_log $TEST_NGINX_COMBINED_LOG combined;
    limit_conn conns 2;
END
location /denied { deny all; sealchat_pass chat; }
location /real {
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    sealchat_pass chat;
}
location /down {
    sealchat_pass unix:/nonexistent/sidecar;
    error_page 502 =503 @down;
}
location @down { return 503 "come back later"; }
END
BEGIN {
    $ENV{"TEST_NGINX_${_}_LOG"} = "/tmp/sealchat-$$-\L$_.log"
        for qw(SESSION COMBINED);
}
END { unlink @ENV{qw(TEST_NGINX_SESSION_LOG TEST_NGINX_COMBINED_LOG)} }

sub lines {
    my ($name, $n) = @_;
    my @lines;
    for (1 .. 200) {
        @lines = split /\n/,
            SealChat::Nginx::slurp($ENV{"TEST_NGINX_${name}_LOG"});
        last if @lines >= $n;
        sleep 0.02;
    }
    return @lines;
}

my $ws = $chat->connect;
$ws->echoes('x' x 10) for 1 .. 3;
sleep 0.15;
is($ws->close(4000), 4000, 'a session');
my ($line) = lines('SESSION', 1);
like($line, qr{^101\ 3/3\ 30/30\ 4000\ 0\.[1-9]\d\d\ -
               \ GET\ /chat\?c=test\ HTTP/1\.1\ unix:\S+echo\.sock$}x,
     'its variables in the access log');
like((lines('COMBINED', 1))[0],
     qr{^127\.0\.0\.1 .* "GET /chat\?c=test HTTP/1\.1" 101 \d+ "-" "-"$},
     'the combined format');
like($chat->nginx->error_log, qr/\[info\].*session opened, link: "unix:/,
     'the error log says that it opened');
like($chat->nginx->error_log,
     qr/\[info\].*session closed with 4000, frames in: 3, out: 3/,
     'and that it closed');

my $gone = $chat->connect;
close $gone->socket;
like((lines('SESSION', 2))[1], qr{^101 0/0 0/0 1006 }, 'a vanished browser');

my $wrong = $chat->connect;
$wrong->write("\x83\x80\0\0\0\0");
$wrong->closed;
close $wrong->socket;
like((lines('SESSION', 3))[2], qr{^101 0/0 0/0 1002 }, 'a refused frame');

my $plain = SealChat::WebSocket->connect($chat->nginx->port);
$plain->write("GET /chat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
ok($plain->closed, 'a request that is no upgrade');
like((lines('SESSION', 4))[3], qr{^426 -/- -/- - - }, 'has no variables');

# limit_conn counts a session until it closes.
my @two = map { $chat->connect(path => '/chat?zone=a') } 1 .. 2;
eval { $chat->connect(path => '/chat?zone=a') };
like($@, qr{HTTP/1.1 503}, 'limit_conn refuses the third session');
$two[0]->close;
my $third;
for (1 .. 100) {
    last if $third = eval { $chat->connect(path => '/chat?zone=a') };
    sleep 0.02;
}
ok($third && $third->echoes('in'), 'and lets it in when one has closed');

eval { $chat->connect(path => '/denied') };
like($@, qr{HTTP/1.1 403}, 'deny');

eval { $chat->connect(path => '/down') };
like($@, qr{HTTP/1.1 503}, 'error_page of a sidecar that is not there');

my $real = SealChat::WebSocket->connect($chat->nginx->port);
$real->write("GET /real HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
             . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
             . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             . "X-Forwarded-For: 192.0.2.7\r\n"
             . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n");
like($real->read_head, qr/^HTTP\S+ 101/, 'behind a proxy');
ok($chat->echo->wait_output(qr/ addr=192\.0\.2\.7 /),
   'the sidecar is told the real address');
$real->close;

$chat->finish(errors => qr/limiting connections by zone|forbidden by rule/);
done_testing();
