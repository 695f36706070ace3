package SealChat::WebSocket;

# A WebSocket client for tests, down to single bytes where they ask for it.
# Protocol::WebSocket makes and reads all that is well-formed.

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Client;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_RCVBUF TCP_NODELAY);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(frame raw_frame close_payload);

$SIG{PIPE} = 'IGNORE';

my $timeout = $ENV{SEALCHAT_VALGRIND} ? 60 : 10;

# Connects and shakes hands; dies when the answer is not a valid 101.
sub new {
    my ($class, $port, %opt) = @_;
    my $self = $class->connect($port, %opt);
    my $path = $opt{path} // '/chat?c=test';
    my $handshake = Protocol::WebSocket::Handshake::Client->new(
        url => "ws://127.0.0.1:$port$path");
    my $request = $handshake->req;
    $request->subprotocol('sealchat.1');
    $request->origin($opt{origin}) if $opt{origin};
    $self->write($handshake->to_string . ($opt{early} // ''));
    $self->{head} = $self->read_head;
    $handshake->parse("$self->{head}\r\n\r\n") && $handshake->is_done
        or die "no WebSocket: " . ($handshake->error // '')
               . "\n$self->{head}\n";
    return $self;
}

sub connect {
    my ($class, $port, %opt) = @_;
    my @small = $opt{buffer}
        ? (Sockopts => [[SOL_SOCKET, SO_RCVBUF, $opt{buffer}]]) : ();
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port, @small)
        or die "cannot connect to port $port: $!\n";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return bless { socket => $socket, in => '' }, $class;
}

sub socket { $_[0]{socket} }
sub head { $_[0]{head} }

sub write {
    my ($self, $bytes) = @_;
    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;
        return 0 if !defined $n;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

# One byte in each segment, so that the server reads them one by one.
sub drip {
    my ($self, $bytes) = @_;
    for my $byte (split //, $bytes) {
        return 0 if !$self->write($byte);
        sleep 0.0007;
    }
    return 1;
}

# Reads more; false at the end of the stream or when nothing comes.
sub fill {
    my ($self, $until) = @_;
    my $left = $until - time;
    return 0 if $left <= 0;
    return 0 if !IO::Select->new($self->{socket})->can_read($left);
    my $n = sysread $self->{socket}, $self->{in}, 262144,
                    length $self->{in};
    $self->{eof} = 1 if !$n;
    return $n;
}

sub read_head {
    my $self = shift;
    my $until = time + $timeout;
    while ($self->{in} !~ /\r\n\r\n/) {
        $self->fill($until) or die "no answer: $self->{in}\n";
    }
    $self->{in} =~ s/\A(.*?)\r\n\r\n//s;
    return $1;
}

# The next frame as { opcode, payload, code, reason }, or undef.
sub read {
    my ($self, $seconds) = @_;
    my $until = time + ($seconds // $timeout);
    my $parser = $self->{parser} //=
        Protocol::WebSocket::Frame->new(max_payload_size => 1 << 20);
    for (;;) {
        $parser->append($self->{in});
        my $payload = $parser->next_bytes;
        if (defined $payload) {
            my $frame = { opcode => $parser->opcode, payload => $payload };
            @$frame{qw(code reason)} = unpack 'na*', $payload
                if $frame->{opcode} == 8 && length $payload;
            return $frame;
        }
        $self->fill($until) or return undef;
    }
}

sub send {
    my ($self, $payload) = @_;
    return $self->write(frame(binary => $payload));
}

# Sends a message and says whether the same one comes back.
sub echoes {
    my ($self, $payload) = @_;
    $self->send($payload);
    my $frame = $self->read;
    return $frame && $frame->{opcode} == 2 && $frame->{payload} eq $payload;
}

# True when the server has closed the connection.
sub closed {
    my $self = shift;
    my $until = time + $timeout;
    1 while $self->fill($until);
    return $self->{eof};
}

# The whole closing handshake, begun here; the code that was echoed.
sub close {
    my ($self, $code) = @_;
    $self->write(frame(close => close_payload($code // 1000)));
    while (my $frame = $self->read) {
        next if $frame->{opcode} != 8;
        CORE::close $self->{socket} if $self->closed;
        return $frame->{code};
    }
    return undef;
}

sub close_payload {
    my ($code, $reason) = @_;
    return pack 'na*', $code, $reason // '';
}

# A well-formed frame of a client.
sub frame {
    my ($type, $payload, %opt) = @_;
    return Protocol::WebSocket::Frame->new(
        buffer => $payload // '', type => $type, masked => 1,
        max_payload_size => 1 << 20, fin => 1, %opt)->to_bytes;
}

# Any frame: fin, rsv, opcode, mask (undef: none), length (undef: the
# payload's), width (0, 2 or 8: bytes of extended length).
sub raw_frame {
    my (%f) = (fin => 1, rsv => 0, opcode => 2, mask => "\x11\x22\x33\x44",
               payload => '', @_);
    my $length = $f{length} // length $f{payload};
    my $width = $f{width} // ($length < 126 ? 0 : $length < 65536 ? 2 : 8);
    my $bytes = pack 'CC',
        $f{fin} << 7 | $f{rsv} << 4 | $f{opcode},
        (defined $f{mask} ? 0x80 : 0)
        | ($width == 0 ? $length : $width == 2 ? 126 : 127);
    $bytes .= pack $width == 2 ? 'n' : 'Q>', $length if $width;
    return $bytes . $f{payload} if !defined $f{mask};
    my $mask = $f{mask} x (length($f{payload}) / 4 + 1);
    return $bytes . $f{mask}
        . ($f{payload} ^ substr $mask, 0, length $f{payload});
}

1;
