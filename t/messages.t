# Messages of every size and in any number of fragments, with control frames
# between them, however the bytes are split.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use SealChat::Chat;
use SealChat::WebSocket qw(frame raw_frame);

my $chat = SealChat::Chat->new;
my $bytewise = SealChat::Chat->new(preload => 'one_byte');

sub part { raw_frame(opcode => $_[0], fin => $_[1], payload => $_[2]) }

sub bytes {
    my $n = shift;
    return substr join('', map { pack 'N', $_ * 2654435761 % 2**32 }
                           0 .. $n / 4), 0, $n;
}

my $ws = $chat->connect;
my $slowly = $bytewise->connect;

# Under valgrind a byte costs a hundred times as much.
my $most = $ENV{SEALCHAT_VALGRIND} ? 4095 : 65536;

for my $n (1, 2, 7, 8, 9, 124, 125, 126, 127, 4095, 65535, 65536) {
    ok($ws->echoes(bytes($n)), "$n bytes come back");
    next if $n > $most;
    ok($slowly->echoes(bytes($n)), "$n bytes, read byte by byte");
}

$ws->drip(frame(binary => bytes(300)));
is($ws->read->{payload}, bytes(300), '300 bytes, one by one');

# Name, stream, what comes back: payloads of messages, pongs in brackets.
my @streams = (
    ['two fragments', part(2, 0, 'ab') . part(0, 1, 'cd'), 'abcd'],
    ['empty fragments', part(2, 0, '') . part(0, 0, 'a') . part(0, 0, '')
     . part(0, 1, ''), 'a'],
    ['an empty end', part(2, 0, 'abc') . part(0, 1, ''), 'abc'],
    ['a ping within a message',
     part(2, 0, 'ab') . part(9, 1, 'hey') . part(0, 0, 'cd')
     . part(9, 1, '') . part(0, 1, 'ef'), '[hey] [] abcdef'],
    ['a pong that nobody asked for',
     part(10, 1, 'x' x 125) . part(2, 0, 'a') . part(10, 1, '')
     . part(0, 1, 'b'), 'ab'],
    ['a ping of 125 bytes', part(9, 1, 'p' x 125), '[' . 'p' x 125 . ']'],
    ['two messages in a row', part(2, 1, 'one') . part(2, 1, 'two'),
     'one two'],
    ['messages, fragmented and not', part(2, 1, 'one') . part(2, 0, 'tw')
     . part(0, 1, 'o') . part(2, 1, 'three'), 'one two three'],
);

# Pongs come at once, echoes after the sidecar's turn: compare each in order.
sub answers {
    my ($ws, $wanted) = @_;
    my (@messages, @pongs);
    for (split ' ', $wanted) {
        my $frame = $ws->read or last;
        push @messages, $frame->{payload} if $frame->{opcode} == 2;
        push @pongs, "[$frame->{payload}]" if $frame->{opcode} == 10;
    }
    return join ' ', @pongs, @messages;
}

for my $case (@streams) {
    my ($name, $stream, $wanted) = @$case;
    $ws->write($stream);
    is(answers($ws, $wanted), $wanted, $name);
    $ws->drip($stream);
    is(answers($ws, $wanted), $wanted, "$name, byte by byte");
    $slowly->write($stream);
    is(answers($slowly, $wanted), $wanted, "$name, read byte by byte");
    next if length $stream > 60;
    for my $at (1 .. length($stream) - 1) {
        $ws->write(substr $stream, 0, $at);
        sleep 0.001;
        $ws->write(substr $stream, $at);
        my $got = answers($ws, $wanted);
        next if $got eq $wanted;
        is($got, $wanted, "$name, split at $at");
    }
}

# 65,536 fragments of one byte.
my $big = bytes(65536);
my $stream = join '', map { part($_ ? 0 : 2, $_ == 65535 ? 1 : 0,
                                 substr $big, $_, 1) } 0 .. 65535;
for my $way (['at once', $ws], ['byte by byte', $slowly]) {
    my ($name, $to) = @$way;
    next if $to == $slowly && $most < 65536;
    $to->write($stream);
    my $frame = $to->read(30);
    ok($frame && $frame->{payload} eq $big,
       "a message of 65,536 fragments, read $name");
}

is($_->close, 1000, 'the session closes') for $ws, $slowly;

# Frames that come in one segment with the handshake.
my $early = $chat->connect(early => frame(binary => 'early')
                                    . frame(ping => 'bird'));
is(answers($early, '[bird] early'), '[bird] early',
   'frames right behind the handshake are read');

# A message that is never finished holds nobody up.
my $slow = $chat->connect;
$slow->write(substr frame(binary => bytes(50000)), 0, 20000);
ok($early->echoes('others'), 'others go on');
ok(!$slow->read(0.1), 'an unfinished message is not carried');
close $slow->socket;

$early->close;
$_->finish for $chat, $bytewise;
done_testing();
