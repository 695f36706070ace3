# Every refusal of the frame layer, each stream at once and byte by byte: as
# the browser sends it, and as nginx reads it.

use strict;
use warnings;

use Test::More;

use SealChat::Chat;
use SealChat::WebSocket qw(frame raw_frame close_payload);

my @limit = (location => 'sealchat_max_message_size 1000;');
my $chat = SealChat::Chat->new(@limit);
my $bytewise = SealChat::Chat->new(@limit, preload => 'one_byte');

# How a browser sends, and to which nginx.
my %ways = ('at once' => [$chat, 'write'], dripping => [$chat, 'drip'],
            bytewise => [$bytewise, 'write']);

sub part { raw_frame(opcode => $_[0], fin => $_[1], payload => $_[2]) }
sub closing { raw_frame(opcode => 8, payload => close_payload(@_)) }

# Name, bytes, close code, what the error log says of it.
my @refused = (
    ['reserved bit 1', raw_frame(rsv => 4), 1002, 'reserved bits'],
    ['reserved bit 2', raw_frame(rsv => 2), 1002, 'reserved bits'],
    ['reserved bit 3', raw_frame(rsv => 1), 1002, 'reserved bits'],
    ['reserved bit of a ping', raw_frame(rsv => 4, opcode => 9), 1002,
     'reserved bits'],
    (map { ["opcode $_", raw_frame(opcode => $_), 1002, 'reserved opcode'] }
     3 .. 7, 11 .. 15),
    ['text', raw_frame(opcode => 1, payload => 'hi'), 1003, 'text message'],
    ['empty text', raw_frame(opcode => 1), 1003, 'text message'],
    ['no mask', raw_frame(mask => undef, payload => 'hi'), 1002,
     'frame without a mask'],
    ['ping without mask', raw_frame(opcode => 9, mask => undef), 1002,
     'frame without a mask'],
    ['close without mask',
     raw_frame(opcode => 8, mask => undef, payload => close_payload(1000)),
     1002, 'frame without a mask'],
    ['5 in 2 bytes', raw_frame(payload => 'hello', width => 2), 1002,
     'shortest form'],
    ['125 in 2 bytes', raw_frame(payload => 'x' x 125, width => 2), 1002,
     'shortest form'],
    ['5 in 8 bytes', raw_frame(payload => 'hello', width => 8), 1002,
     'shortest form'],
    ['900 in 8 bytes', raw_frame(payload => 'x' x 900, width => 8), 1002,
     'shortest form'],
    ['65535 in 8 bytes', raw_frame(length => 65535, width => 8), 1002,
     'shortest form'],
    ['a length with its highest bit set',
     raw_frame(length => 1 << 63, width => 8), 1002, 'above 2^63'],
    ['1001 bytes', raw_frame(length => 1001), 1009, 'message too large'],
    ['65536 bytes', raw_frame(length => 65536), 1009, 'message too large'],
    ['1 GiB that never comes', raw_frame(length => 1 << 30), 1009,
     'message too large'],
    ['2^62 bytes', raw_frame(length => 1 << 62), 1009, 'message too large'],
    ['1001 bytes in two fragments',
     part(2, 0, 'x' x 600) . raw_frame(opcode => 0, length => 401), 1009,
     'message too large'],
    ['continuation of nothing', part(0, 1, 'x'), 1002,
     'continuation frame without a message'],
    ['continuation after the end',
     part(2, 0, 'a') . part(0, 1, 'b') . part(0, 1, 'c'), 1002,
     'continuation frame without a message'],
    ['message within a message', part(2, 0, 'a') . part(2, 1, 'b'), 1002,
     'new message within a fragmented message'],
    ['text within a message', part(2, 0, 'a') . part(1, 1, 'b'), 1002,
     'new message within a fragmented message'],
    ['empty message', raw_frame(), 1007, 'empty message'],
    ['empty message in fragments', part(2, 0, '') . part(0, 1, ''), 1007,
     'empty message'],
    ['fragmented ping', part(9, 0, 'x'), 1002, 'fragmented control frame'],
    ['fragmented pong', part(10, 0, 'x'), 1002, 'fragmented control frame'],
    ['fragmented close', part(8, 0, close_payload(1000)), 1002,
     'fragmented control frame'],
    ['ping of 126 bytes', raw_frame(opcode => 9, payload => 'x' x 126), 1002,
     'control frame above 125 bytes'],
    ['close of 126 bytes', closing(1000, 'x' x 124), 1002,
     'control frame above 125 bytes'],
    ['pong of 65536 bytes', raw_frame(opcode => 10, length => 65536), 1002,
     'control frame above 125 bytes'],
    ['close of one byte', raw_frame(opcode => 8, payload => "\x03"), 1002,
     'Close frame with one byte'],
    (map { ["close code $_", closing($_), 1002, 'invalid close code'] }
     0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535),
    (map { [sprintf('close reason %vx', $_), closing(1000, $_), 1007,
            'close reason is not UTF-8'] }
     "\xff", "\x80", "a\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
     "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
     "\xe2\x82x"),
);

# The Close frame, behind echoes of what came before it.
sub close_frame {
    my $ws = shift;
    while (my $frame = $ws->read) {
        return $frame if $frame->{opcode} == 8;
    }
    return undef;
}

for my $case (@refused) {
    my ($name, $bytes, $code, $why) = @$case;
    for my $way (sort keys %ways) {
        my ($to, $send) = @{ $ways{$way} };
        my $ws = $to->connect;
        $ws->$send($bytes);
        my $frame = close_frame($ws);
        ok($frame && $frame->{code} == $code
           && $frame->{reason} =~ /\Q$why\E/ && $ws->closed,
           "$name, $way: $code $why")
            or diag(explain($frame));
    }
}

# Nothing that follows an invalid frame is carried.
for my $way (sort keys %ways) {
    my ($to, $send) = @{ $ways{$way} };
    my $ws = $to->connect;
    $ws->$send(frame(binary => 'good') . raw_frame(opcode => 3)
              . frame(binary => 'late') . frame(ping => 'late'));
    my @frames;
    while (my $frame = $ws->read) {
        push @frames, $frame;
    }
    is(scalar(grep { $_->{payload} eq 'late' } @frames), 0,
       "$way: nothing behind an invalid frame is taken");
    is($frames[-1]{opcode}, 8, "$way: Close comes last");
}

# All codes that may be sent come back as they were.
for my $code (1000 .. 1003, 1007 .. 1014, 3000, 3999, 4000, 4999) {
    for my $way (sort keys %ways) {
        my ($to, $send) = @{ $ways{$way} };
        my $ws = $to->connect;
        $ws->$send(closing($code, 'gr\xc3\xbc\xc3\x9fe'));
        my $frame = $ws->read;
        ok($frame && $frame->{opcode} == 8 && $frame->{code} == $code
           && $ws->closed, "close $code is echoed, $way");
    }
}

for my $way (sort keys %ways) {
    my ($to, $send) = @{ $ways{$way} };
    my $ws = $to->connect;
    $ws->$send(raw_frame(opcode => 8));
    my $frame = $ws->read;
    ok($frame && $frame->{opcode} == 8 && $frame->{payload} eq ''
       && $ws->closed, "an empty Close is answered with an empty one, $way");

    $ws = $to->connect;
    $ws->$send(closing(1000, 'x' x 123) . frame(ping => 'late'));
    $frame = $ws->read;
    ok($frame && $frame->{code} == 1000, "the longest reason is taken, $way");
    is($ws->read, undef, "a ping after Close is not answered, $way");
}

$_->finish for $chat, $bytewise;
done_testing();
