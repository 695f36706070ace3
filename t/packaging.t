#!/usr/bin/perl
# What lies in packaging/ beside the programs: units, manual pages, the board
# and the alerts.  Each is read by the tool that it is for, and no metric may
# be named there that sealchatd does not have.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

use SealChat::Nginx;

my $root = SealChat::Nginx::root();
my $dir = tempdir('sealchat-t-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub slurp { return SealChat::Nginx::slurp(@_) }

# The exit code and what was said.
sub run {
    my $said = qx{@_ 2>&1};
    return ($? >> 8, $said);
}

# --- manual pages

for my $page (glob "$root/packaging/man/*") {
    my ($rc, $said) = run("mandoc -T lint -W warning $page");
    is($said, '', "$page is in order");
}

my ($rc, $said) = run("mandoc -T ascii $root/packaging/man/sealchatctl.8"
    . ' | col -b');
my ($usage_rc, $usage) = run("$root/build/sealchatctl -h");
is($usage_rc, 0, 'sealchatctl tells its commands');
for my $line (grep { /^  [a-z]/ } split /\n/, $usage) {
    my ($words) = $line =~ /^  ([a-z]+(?: [a-z]+)?)/;
    like($said, qr/^\s+\Q$words\E\b/m, "the manual page knows $words");
}

my $conf_page = slurp("$root/packaging/man/sealchatd.conf.5");
my $config_c = slurp("$root/sidecar/config.c");
while ($config_c =~ /^    \{ "\w+",\s+"(\w+)",/mg) {
    my $key = $1;
    like($conf_page, qr/^\.It Cm .*\b$key\b/m, "... and the setting $key");
}

# --- units

my $units = "$root/packaging/systemd";
($rc, $said) = run("systemd-analyze security --offline=yes"
    . " --threshold=10 $units/sealchatd.service");
is($rc, 0, 'the service is exposed by less than 1.0');
diag($1) if $said =~ /(Overall.*)/;

mkdir "$dir/units";
for my $unit (qw(sealchatd.service sealchatd.socket)) {
    my $text = slurp("$units/$unit");
    $text =~ s{/usr/sbin/sealchatd}{$root/build/sealchatd}g;
    $text =~ s{^Documentation=.*\n}{}m;
    open my $out, '>', "$dir/units/$unit" or die "$unit: $!\n";
    print $out $text;
    close $out;
}
($rc, $said) = run("systemd-analyze verify $dir/units/sealchatd.service"
    . " $dir/units/sealchatd.socket");
unlike($said, qr/sealchatd/, 'systemd finds nothing wrong in the units');

# --- metrics

open my $conf, '>', "$dir/conf" or die "conf: $!\n";
print $conf <<"END";
[service]
origin = http://chat.localhost:8080
[link]
listen = $dir/sock
[store]
path = $dir/store
map_size = 256m
END
close $conf;

defined(my $pid = fork) or die "fork: $!\n";
if (!$pid) {
    open STDERR, '>', "$dir/log";
    exec "$root/build/sealchatd", '-c', "$dir/conf" or exit 127;
}
for (1 .. 200) {
    last if -S "$dir/sock.admin";
    sleep 0.05;
}

($rc, my $metrics) = run("$root/build/sealchatctl -c $dir/conf metrics");
is($rc, 0, 'sealchatd tells its metrics');
my %known = map { $_ => 1 } $metrics =~ /^(sealchatd_\w+)[{ ]/mg;
kill 'TERM', $pid;
waitpid $pid, 0;
is($?, 0, '... and ends well');

($rc, $said) = run("promtool check rules"
    . " $root/packaging/monitoring/alerts.yml");
is($rc, 0, 'promtool takes the alerts') or diag($said);

my $board = slurp("$root/packaging/monitoring/grafana.json");
ok(eval { decode_json($board) }, 'the board is JSON');

my $alerts = slurp("$root/packaging/monitoring/alerts.yml");
my %named = map { $_ => 1 } "$board\n$alerts" =~ /(sealchatd_\w+)/g;
for my $name (sort keys %named) {
    ok($known{$name}, "there is a metric $name");
}

# nginx's own are those of its documentation.
my $directives = slurp("$root/docs/directives.md");
my %own = map { $_ => 1 } "$board\n$alerts" =~ /\bsealchat_(\w+)/g;
for my $name (sort keys %own) {
    like($directives, qr/^\| .*`\Q$name\E[`{]/m, "nginx has $name");
}

my $pages = slurp("$root/docs/alerts.md");
for my $alert ($alerts =~ /- alert: (\w+)/g) {
    like($pages, qr/^## $alert$/m, "there is something to do at $alert");
}
unlike($pages, qr/^## (?!(?:@{[join '|', $alerts =~ m{- alert: (\w+)}g]})$)/m,
    'and at nothing else');

done_testing();
