# What an idle connection costs nginx: the growth of a worker over 15,000
# browsers, plain and over TLS, with the pools that docs/operations.md
# recommends and with nginx's own.

use strict;
use warnings;

use IPC::Open2;
use Test::More;
use Time::HiRes qw(sleep time);

use SealChat::Chat;
use SealChat::Nginx;

my $root = SealChat::Nginx::root();
my $connections = 15_000;
my $warm = 1000;

# Wanted, and the most that passes.
my %bounds = (plain => [6500, 8000], tls => [22000, 26000]);

BEGIN {
    my $dir = $ENV{TEST_NGINX_TLS_DIR} =
        File::Temp::tempdir('sealchat-tls-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $made = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \\
        -nodes -days 1 -subj /CN=localhost -batch -keyout $dir/key.pem \\
        -out $dir/cert.pem 2>&1`;
    $? == 0 or die "openssl makes no certificate: $made\n";
}

sub recommended {
    my $text = SealChat::Nginx::slurp("$root/docs/operations.md");
    my @pools = $text =~ /^\s*((?:connection|request)_pool_size \w+;)/mg;
    @pools == 2 or die "docs/operations.md recommends no pools\n";
    return join ' ', @pools;
}

sub rss {
    my $pid = shift;
    return SealChat::Nginx::slurp("/proc/$pid/status")
           =~ /^VmRSS:\s+(\d+)/m ? $1 * 1024 : die "no VmRSS\n";
}

# Opens browsers and keeps them for as long as what it returns.
sub crowd {
    my ($port, $n, @tls) = @_;
    my $pid = open2(my $out, my $in, "$root/build/memory/sockets",
                    '127.0.0.1', $port, '/chat?c=' . 'c' x 43, $n, @tls);
    my $line = <$out> // '';
    $line eq "open\n" or die "the browsers did not connect\n";
    return { pid => $pid, in => $in, out => $out };
}

sub leave {
    my $crowd = shift;
    close $crowd->{in};
    waitpid $crowd->{pid}, 0;
}

sub bytes_each {
    my ($kind, $pools) = @_;
    my $port = SealChat::Nginx->free_port;
    my $tls = "listen 127.0.0.1:$port ssl;
               ssl_certificate $ENV{TEST_NGINX_TLS_DIR}/cert.pem;
               ssl_certificate_key $ENV{TEST_NGINX_TLS_DIR}/key.pem;";
    my $chat = SealChat::Chat->new(
        shipped => 1, connections => 19_000, log_level => 'error',
        main_config => 'worker_rlimit_nofile 20000;',
        http_config => $pools, config => $kind eq 'tls' ? $tls : '',
        location => 'sealchat_drain_timeout 0;');
    my ($worker) = $chat->nginx->worker_pids;
    my @to = $kind eq 'tls' ? ($port) : ($chat->nginx->port);
    my @how = $kind eq 'tls' ? ('tls') : ();
    my $first = crowd(@to, $warm, @how);
    my $before = rss($worker);
    my $all = crowd(@to, $connections, @how);
    my $grown = rss($worker) - $before;
    leave($_) for $first, $all;
    $chat->finish;
    return int($grown / $connections);
}

my $pools = recommended();
my %each = map { $_ => bytes_each($_, $pools) } qw(plain tls);
my $default = bytes_each('plain', '');

print STDERR "idle bytes per connection: plain $each{plain} tls $each{tls}\n",
    "with nginx's own pools: plain $default\n";

for my $kind (qw(plain tls)) {
    my ($wanted, $most) = @{ $bounds{$kind} };
    cmp_ok($each{$kind}, '<', $most,
           "$kind: $each{$kind} bytes, $wanted wanted");
}

done_testing();
