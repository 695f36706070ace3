# The opening handshake: what is taken, and every refusal.

use strict;
use warnings;

use TestNginx 'no_plan';
use SealChat::Echo;

my $echo = SealChat::Echo->new;
$ENV{TEST_NGINX_ECHO_SOCKET} = $echo->socket;
$ENV{TEST_NGINX_NO_SOCKET} = $echo->socket . '.none';

our $http_config = <<'END';
    upstream chat {
        server unix:$TEST_NGINX_ECHO_SOCKET;
    }
END

# A request that ends with a Close frame, so that the server closes too.
sub upgrade {
    my (%headers) = ('Upgrade' => 'websocket', 'Connection' => 'Upgrade',
                     'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
                     'Sec-WebSocket-Version' => '13',
                     'Sec-WebSocket-Protocol' => 'sealchat.1', @_);
    my $line = delete $headers{line} // 'GET /chat?c=abc HTTP/1.1';
    my $text = "$line\r\nHost: localhost\r\n";
    for my $name (sort keys %headers) {
        my $value = $headers{$name};
        next if !defined $value;
        $text .= "$name: $_\r\n" for ref $value ? @$value : $value;
    }
    return "$text\r\n\x88\x82\x00\x00\x00\x00\x03\xe8";
}

# The same without the Close frame, for the server to refuse.
sub refused {
    return upgrade('Connection' => 'Upgrade, close', @_) =~ s/\x88.*\z//sr;
}

run_tests();

__DATA__

=== TEST 1: the example of RFC 6455
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::upgrade()
--- error_code: 101
--- response_headers
Upgrade: websocket
Connection: upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
Sec-WebSocket-Protocol: sealchat.1
!Sec-WebSocket-Extensions
!Content-Length
!Transfer-Encoding
--- response_body eval: "\x88\x02\x03\xe8"
--- raw_response_headers_like: \AHTTP/1.1 101 Switching Protocols
--- error_log
sealchat session opened
sealchat session closed with 1000
--- no_error_log
[error]



=== TEST 2: tokens in lists, in any case, on several lines
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::upgrade('Upgrade' => 'h2c, WebSocket',
              'Connection' => ['keep-alive', 'close ,uPGRADE'],
              'Sec-WebSocket-Protocol' => ['soap', 'wamp,sealchat.1'])
--- error_code: 101
--- response_headers
Sec-WebSocket-Protocol: sealchat.1
--- no_error_log
[error]



=== TEST 3: extensions are offered, and none is negotiated
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::upgrade('Sec-WebSocket-Extensions' => 'permessage-deflate')
--- error_code: 101
--- response_headers
!Sec-WebSocket-Extensions
--- no_error_log
[error]



=== TEST 4: no upgrade
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- request
GET /chat
--- error_code: 426
--- raw_response_headers_like: \AHTTP/1.1 426 Upgrade Required\r\n
--- response_headers
Upgrade: websocket
Content-Length: 0
--- no_error_log
[error]



=== TEST 5: an upgrade to something else
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Upgrade' => 'h2c')
--- error_code: 426
--- response_headers
Upgrade: websocket
--- no_error_log
[error]



=== TEST 6: "Upgrade" without "Connection: upgrade"
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Connection' => 'close, upgraded')
--- error_code: 426
--- response_headers
Upgrade: websocket
--- no_error_log
[error]



=== TEST 7: HTTP/1.0
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::upgrade(line => 'GET /chat HTTP/1.0') =~ s/\x88.*//sr
--- error_code: 426
--- response_headers
Upgrade: websocket
--- no_error_log
[error]



=== TEST 8: another version
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Sec-WebSocket-Version' => '8')
--- error_code: 426
--- raw_response_headers_like: \AHTTP/1.1 426 Upgrade Required\r\n
--- response_headers
Sec-WebSocket-Version: 13
--- no_error_log
[error]



=== TEST 9: no version
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Sec-WebSocket-Version' => undef)
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13
--- no_error_log
[error]



=== TEST 10: two versions
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Sec-WebSocket-Version' => ['13', '13'])
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13
--- no_error_log
[error]



=== TEST 11: no key
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Sec-WebSocket-Key' => undef)
--- error_code: 400
--- error_log
client sent no valid "Sec-WebSocket-Key"



=== TEST 12: a key of 15 bytes
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused('Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25j')
--- error_code: 400
--- error_log
client sent no valid "Sec-WebSocket-Key"



=== TEST 13: a key of 17 bytes
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused('Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQA=')
--- error_code: 400
--- error_log
client sent no valid "Sec-WebSocket-Key"



=== TEST 14: a key that is not base64
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused('Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25j*Q==')
--- error_code: 400
--- error_log
client sent no valid "Sec-WebSocket-Key"



=== TEST 15: two keys
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused('Sec-WebSocket-Key' => ['dGhlIHNhbXBsZSBub25jZQ==',
                                      'dGhlIHNhbXBsZSBub25jZQ=='])
--- error_code: 400
--- error_log
client sent no valid "Sec-WebSocket-Key"



=== TEST 16: another subprotocol
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused('Sec-WebSocket-Protocol' => 'sealchat.2, SealChat.1')
--- error_code: 400
--- error_log
client does not offer the WebSocket subprotocol "sealchat.1"



=== TEST 17: no subprotocol
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Sec-WebSocket-Protocol' => undef)
--- error_code: 400
--- error_log
client does not offer the WebSocket subprotocol "sealchat.1"



=== TEST 18: another method
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- request
HEAD /chat
--- error_code: 405
--- no_error_log
[error]



=== TEST 19: a body
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::upgrade('Content-Length' => 2) =~ s/\x88.*/ab/sr
--- error_code: 400
--- error_log
client sent a body with its WebSocket handshake



=== TEST 20: two origins
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused('Origin' => ['https://a.example', 'https://b.example'])
--- error_code: 400
--- error_log
client sent a repeated or too long "Origin"



=== TEST 21: an argument that is no cid
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval
main::refused(line => 'GET /chat?c=' . ('x' x 65) . ' HTTP/1.1')
--- error_code: 400
--- error_log
client sent a too long argument "c"



=== TEST 22: an origin that is allowed
--- http_config eval: $::http_config
--- config
    sealchat_allowed_origins none https://shop.example;
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::upgrade('Origin' => 'https://Shop.example')
--- error_code: 101
--- no_error_log
[error]



=== TEST 23: no origin, where that is allowed
--- http_config eval: $::http_config
--- config
    sealchat_allowed_origins none https://shop.example;
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::upgrade()
--- error_code: 101
--- no_error_log
[error]



=== TEST 24: an origin that is not allowed
--- http_config eval: $::http_config
--- config
    sealchat_allowed_origins https://shop.example;
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused('Origin' => 'https://shop.example.evil')
--- error_code: 403
--- error_log
origin "https://shop.example.evil" forbidden by "sealchat_allowed_origins"



=== TEST 25: no sidecar
--- http_config
    upstream chat {
        server unix:$TEST_NGINX_NO_SOCKET;
    }
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused()
--- error_code: 502
--- error_log
connect() to unix:



=== TEST 26: no live upstream
--- http_config
    upstream chat {
        server unix:$TEST_NGINX_ECHO_SOCKET down;
    }
--- config
    location /chat { sealchat_pass chat; }
--- raw_request eval: main::refused()
--- error_code: 502
--- error_log
no live upstreams



=== TEST 27: a subrequest
--- http_config eval: $::http_config
--- config
    location /chat { sealchat_pass chat; }
    location /other { auth_request /chat; }
--- raw_request eval: main::refused(line => 'GET /other HTTP/1.1')
--- error_code: 500
--- error_log
"sealchat_pass" cannot serve a subrequest



=== TEST 28: an address instead of an upstream's name
--- config
    location /chat { sealchat_pass unix:$TEST_NGINX_ECHO_SOCKET; }
--- raw_request eval: main::upgrade()
--- error_code: 101
--- no_error_log
[error]
