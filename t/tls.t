# The same over TLS: messages of all sizes, a browser that does not read.

use strict;
use warnings;

use IPC::Open2;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame);

my $port = SealChat::Nginx->free_port;
my $chat = SealChat::Chat->new(location => "sealchat_drain_timeout 0;",
                               config => <<"END");
listen 127.0.0.1:$port ssl;
ssl_certificate $ENV{TEST_NGINX_TLS_DIR}/cert.pem;
ssl_certificate_key $ENV{TEST_NGINX_TLS_DIR}/key.pem;
END

BEGIN {
    my $dir = $ENV{TEST_NGINX_TLS_DIR} =
        File::Temp::tempdir('sealchat-tls-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $made = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \\
        -nodes -days 1 -subj /CN=localhost -batch -keyout $dir/key.pem \\
        -out $dir/cert.pem 2>&1`;
    $? == 0
        or die "openssl makes no certificate: $made\n";
}

# A WebSocket through openssl's own client.
sub connect_tls {
    my $pid = open2(my $out, my $in, qw(openssl s_client -quiet),
                    qw(-verify_return_error -verify_quiet),
                    '-CAfile', "$ENV{TEST_NGINX_TLS_DIR}/cert.pem",
                    '-servername', 'localhost',
                    '-connect', "127.0.0.1:$port");
    binmode $_ for $out, $in;
    return bless { pid => $pid, socket => $out, in => '', to => $in },
                 'SealChat::WebSocket::TLS';
}

{
    package SealChat::WebSocket::TLS;
    our @ISA = ('SealChat::WebSocket');

    sub write {
        my ($self, $bytes) = @_;
        while (length $bytes) {
            my $n = syswrite $self->{to}, $bytes;
            return 0 if !defined $n;
            substr $bytes, 0, $n, '';
        }
        return 1;
    }

    sub DESTROY {
        my $self = shift;
        local ($?, $!);
        kill KILL => $self->{pid};
        waitpid $self->{pid}, 0;
    }
}

sub upgrade {
    my $ws = connect_tls();
    $ws->write("GET /chat?c=tls HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
               . "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
               . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               . "Sec-WebSocket-Protocol: sealchat.1\r\n\r\n");
    like($ws->read_head, qr/^HTTP\S+ 101 /, 'upgrade over TLS');
    return $ws;
}

my $ws = upgrade();
for my $n (1, 125, 126, 16383, 16384, 16385, 65535, 65536) {
    ok($ws->echoes('t' x $n), "$n bytes come back");
}

my $many = join '', map { frame(binary => "message $_") } 1 .. 2000;
$ws->write($many);
my $wrong = 0;
for (1 .. 2000) {
    my $frame = $ws->read;
    $wrong++ if !$frame || $frame->{payload} ne "message $_";
    last if $wrong;
}
is($wrong, 0, '2,000 messages in a row come back in order');

$ws->write(frame(ping => 'x'));
is($ws->read->{opcode}, 10, 'a ping is answered');

# Echoes of 8 MiB pass through a TLS connection that is read late.
my $large = frame(binary => 'L' x 65536);
my $pid = fork // die;
if (!$pid) {
    $ws->write($large) for 1 .. 128;
    POSIX::_exit(0);
}
ok($chat->echo->wait_output(qr/^link 1 pause 1$/m),
   'the sidecar is told to pause');
my $whole = 0;
while (my $frame = $ws->read(3)) {
    $whole++ if $frame->{payload} eq 'L' x 65536;
    last if $whole == 128;
}
waitpid $pid, 0;
is($whole, 128, 'all comes in the end, whole');
ok($chat->echo->wait_output(qr/^link 1 resume 1$/m), 'it is told to go on');

is($ws->close, 1000, 'the session closes');

my $gone = upgrade();
undef $gone;
ok($chat->nginx->wait_log(qr/closed with 1006/), 'a vanished client');

my $last = upgrade();
my @old = $chat->nginx->worker_pids;
$chat->nginx->reload;
is($last->read->{code}, 1012, 'a reload closes with 1012');
$last->write(frame(close => pack 'n', 1012));
ok($last->closed, 'and ends');

$chat->finish;
done_testing();
