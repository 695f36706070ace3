#!/usr/bin/perl
# Reads a trace of sealchatd's system calls and proves the order of each
# answer: the envelope (or roster) came by the link, was written to the store,
# a sync of that file began behind the write and returned 0, the meta page
# went through a descriptor that syncs, and only then STORED (or DONE) was
# written to the link.  Nothing but the bytes of the trace is believed.
#
#     order.pl trace        TAP; fails when one answer came too early

use strict;
use warnings;

my (%unfinished, %sync_began, %in, %out, %waiting, %is_dsync);
my (@written, @synced);              # page runs: not synced, without meta
my ($stored, $done, $early, $unasked, $bare_metas, $failed_syncs, $syncs,
    $metas) = (0) x 8;

sub bytes_of { my $s = shift; $s =~ s/\\x(..)/chr hex $1/ge; return $s }

# The strings of a call, in their order: what was written, or read.
sub payload { return join '', map { bytes_of($_) } $_[0] =~ /"([^"]*)"/g }

# Takes the whole records off what a socket carried so far.
sub records {
    my ($buffer) = @_;
    my @records;

    while (length $$buffer >= 12) {
        my ($length, $kind, $stream) = unpack 'N C x3 N', $$buffer;
        last if length($$buffer) < 12 + $length;
        push @records, [$kind, $stream, substr $$buffer, 12, $length];
        substr($$buffer, 0, 12 + $length) = '';
    }

    return @records;
}

# The signature by which a message or roster is found again in a page.
sub came {
    my ($socket, $text) = @_;

    $in{$socket} .= $text;
    for my $record (records(\$in{$socket})) {
        my ($kind, $stream, $frame) = @$record;
        next if $kind != 3;
        my ($type, $tag) = unpack 'C x n', $frame;

        if ($type == 0x05) {
            $waiting{"$socket $stream $tag"} = { sig => substr $frame, -64 };
        } elsif ($type == 0x0b) {
            my (undef, $roster) = unpack 'n/a n/a', substr $frame, 4;
            $waiting{"$socket $stream $tag"} = { sig => substr $roster, -64 };
        }
    }
}

sub leaves {
    my ($socket, $text) = @_;

    $out{$socket} .= $text;
    for my $record (records(\$out{$socket})) {
        my ($kind, $stream, $frame) = @$record;
        next if $kind != 3;
        my ($type, $tag) = unpack 'C x n', $frame;
        next if $type != 0x86 && $type != 0x85;

        my $asked = delete $waiting{"$socket $stream $tag"};
        $unasked++ if !$asked && $type == 0x86;
        next if !$asked;
        $type == 0x86 ? $stored++ : $done++;
        $early++ if !$asked->{durable};
    }
}

# The commit is whole: whoever waits for it may be answered.
sub committed {
    $metas++;
    $bare_metas++ if @written;

    for my $asked (values %waiting) {
        next if $asked->{durable};
        $asked->{durable} = grep { index($_, $asked->{sig}) >= 0 } @synced;
    }
    @synced = ();
}

sub begins {
    my ($pid, $name, $args) = @_;
    my ($fd, $path) = $args =~ /^(\d+)<([^>]*)>/ or return;

    $path = bytes_of($path);
    if ($name =~ /^f(data)?sync$/ && $path =~ m{/store\.mdb$}) {
        $sync_began{$pid} = @written;
    } elsif ($name =~ /^(write|writev|sendmsg)$/ && $path =~ /^(socket|UNIX)/) {
        leaves($path, payload($args));
    }
}

sub ends {
    my ($pid, $name, $args, $result) = @_;

    if ($name eq 'openat') {
        my ($fd, $path) = $result =~ /^(\d+)<([^>]*)>/ or return;
        $is_dsync{$fd} = $args =~ /O_DSYNC/
            if bytes_of($path) =~ m{/store\.mdb$};
        return;
    }

    my ($fd, $path) = $args =~ /^(\d+)<([^>]*)>/ or return;
    $path = bytes_of($path);

    if ($path =~ m{/store\.mdb$}) {
        if ($name =~ /^f(data)?sync$/) {
            $syncs++;
            my $n = delete $sync_began{$pid} // 0;
            if ($result =~ /^0/) {
                push @synced, splice @written, 0, $n;
            } else {
                $failed_syncs++;
            }
        } elsif ($name =~ /write/ && $result =~ /^\d/) {
            if ($is_dsync{$fd}) {
                committed();
            } else {
                push @written, payload($args);
            }
        }
    } elsif ($name =~ /^(read|recv)/ && $path =~ /^(socket|UNIX)/
             && $result =~ /^[1-9]/)
    {
        came($path, payload($args));
    }
}

open my $trace, '<', $ARGV[0] or die "$ARGV[0]: $!\n";

while (<$trace>) {
    die "the trace has cut a string\n" if /"\.\.\./;
    if (/^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/) {
        $unfinished{$1} = [$2, $3];
        begins($1, $2, $3);
    } elsif (/^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (.*)$/) {
        my $call = delete $unfinished{$1} or next;
        ends($1, $2, $call->[1] . $3, $4);
    } elsif (/^(\d+) +(\w+)\((.*)\) += (.*)$/) {
        begins($1, $2, $3);
        ends($1, $2, $3, $4);
    }
}

print "# $stored STORED, $done DONE, $syncs syncs, $metas meta pages\n";
my $whole = $stored >= 100 && $done && $metas && !$unasked;
print $whole ? '' : 'not ', "ok - the trace shows requests, commits, answers\n";
print $early ? 'not ' : '', "ok - write, sync, meta page, answer: ",
    "in this order ($early too early)\n";
print $bare_metas ? 'not ' : '', "ok - no meta page before a sync of all ",
    "that it speaks of ($bare_metas)\n";
print $failed_syncs ? 'not ' : '', "ok - every sync returned 0\n";
exit($early || $bare_metas || $failed_syncs || !$whole);
