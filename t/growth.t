# 10,000 connections of all sorts, one after the other: nothing grows.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::WebSocket qw(frame close_payload);

my $chat = SealChat::Chat->new(
    shipped => 1, location => 'sealchat_links 2; '
                              . 'sealchat_rate messages=1000;',
    main_config => 'worker_rlimit_nofile 4096;', log_level => 'error');
my ($pid) = $chat->nginx->worker_pids;

sub kilobytes {
    my $status = SealChat::Nginx::slurp("/proc/$pid/status");
    return $status =~ /^VmRSS:\s+(\d+)/m ? $1 : die "no VmRSS\n";
}

sub files { scalar(() = glob "/proc/$pid/fd/*") }

my @kinds = (
    sub { $_[0]->echoes('x' x 500); $_[0]->close },
    sub { $_[0]->send('y' x 60000) },
    sub { $_[0]->write("\x83\x80\0\0\0\0") },
    sub { $_[0]->write(substr frame(binary => 'x' x 60000), 0, 30000) },
    sub { $_[0]->write(frame(ping => 'x') x 20) },
    sub { },
);

sub thousand {
    my $plain = shift;
    for my $i (1 .. 1000) {
        if ($i % 10 == 0) {
            my $ws = SealChat::WebSocket->connect($chat->nginx->port);
            $ws->write("GET /chat HTTP/1.1\r\nHost: x\r\n\r\n");
            next;
        }
        my $ws = $chat->connect;
        $kinds[$i % @kinds]->($ws);
    }
    sleep 0.3;
}

thousand() for 1 .. 2;
my ($memory, $files) = (kilobytes(), files());
thousand() for 3 .. 10;
cmp_ok(files(), '<=', $files + 2, 'no file more is open');
cmp_ok(kilobytes() - $memory, '<', 400,
       sprintf '8,000 connections more: %d kB at first, %d kB in the end',
               $memory, kilobytes());

my $output = $chat->echo->output;
my ($highest) = sort { $b <=> $a } $output =~ / open (\d+) /g;
cmp_ok($highest, '<=', 64, 'stream ids are used again');

$chat->finish;
done_testing();
