# What nginx does around a session: access log and variables at its close,
# limit_conn, limit_req, allow and deny, auth_request, realip, error_page, the
# error log.

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
log_format headers '$http_x_mark $http_cookie $http_x_last $request_uri '
    '$http_sec_websocket_key $sent_http_upgrade $remote_user';
limit_conn_zone $arg_zone zone=conns:1m;
limit_req_zone $arg_zone zone=reqs:1m rate=1r/m;
END
    access_log $TEST_NGINX_SESSION_LOG session;
    access_log $TEST_NGINX_COMBINED_LOG combined;
    access_log $TEST_NGINX_HEADERS_LOG headers;
    limit_conn conns 2;
END
location /denied { deny all; sealchat_pass chat; }
location /allowed { allow 127.0.0.1; deny all; sealchat_pass chat; }
location /often { limit_req zone=reqs burst=1 nodelay; sealchat_pass chat; }
location /guarded {
    auth_request /guard;
    auth_request_set $who $upstream_http_x_who;
    sealchat_pass chat;
}
location = /guard {
    internal;
    proxy_set_header X-Asked $request_uri;
    proxy_pass http://127.0.0.1:$server_port/judge;
}
location = /judge {
    add_header X-Who visitor always;
    if ($http_x_asked ~ c=good) { return 204; }
    if ($http_x_asked ~ c=odd) { return 401; }
    return 403;
}
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
        for qw(SESSION COMBINED HEADERS);
}
END { unlink map { $ENV{"TEST_NGINX_${_}_LOG"} } qw(SESSION COMBINED HEADERS) }

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

# Headers that are logged when a long session ends are still there, in small
# header buffers and in large ones.
for my $size (10, 6000) {
    my $marked = SealChat::WebSocket->connect($chat->nginx->port);
    $marked->write("GET /chat?c=marked&size=$size HTTP/1.1\r\nHost: x\r\n"
        . "X-Mark: mark$size\r\nCookie: a=" . 'k' x $size . "\r\n"
        . "Upgrade: websocket\r\nConnection: upgrade\r\n"
        . "Sec-WebSocket-Version: 13\r\n"
        . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        . "Sec-WebSocket-Protocol: sealchat.1\r\nX-Last: end\r\n\r\n");
    $marked->read_head;
    $marked->echoes('y' x 30000) for 1 .. 3;
    $marked->write(frame(ping => 'p' x 125) x 200);
    $marked->read for 1 .. 200;
    is($marked->close(1000), 1000, "a session with $size bytes of cookie");
    my @lines;
    for (1 .. 200) {
        @lines = grep { /size=$size / } lines('HEADERS', 1);
        last if @lines;
        sleep 0.02;
    }
    is($lines[0], "mark$size a=" . 'k' x $size . " end "
       . "/chat?c=marked&size=$size dGhlIHNhbXBsZSBub25jZQ== websocket -",
       'its headers in the log');
}

eval { $chat->connect(path => '/denied') };
like($@, qr{HTTP/1.1 403}, 'deny');
ok($chat->connect(path => '/allowed')->echoes('in'), 'allow');

my @often = map { $chat->connect(path => '/often?zone=r') } 1 .. 2;
eval { $chat->connect(path => '/often?zone=r') };
like($@, qr{HTTP/1.1 503}, 'limit_req refuses the third upgrade');
ok((grep { $_->echoes('in') } @often) == 2, 'those before it are served');

ok($chat->connect(path => '/guarded?c=good')->echoes('in'),
   'auth_request lets in');
eval { $chat->connect(path => '/guarded?c=bad') };
like($@, qr{HTTP/1.1 403}, 'and forbids');
eval { $chat->connect(path => '/guarded?c=odd') };
like($@, qr{HTTP/1.1 401}, 'and asks to authenticate');
unlike($chat->echo->output, qr/cid=(bad|odd)/, 'the sidecar hears of neither');

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
like($chat->nginx->error_log, qr/limiting requests/, 'and of limit_req');
done_testing();
