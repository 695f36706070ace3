package SealChat::TestNginx;

# The declarative sections of Test::Nginx::Socket, as far as the tests here
# use them, on Test::Base.  A section that is not in the table below is a
# failure, not a silence.

use Test::Base -Base;
use Test::More ();

use SealChat::Nginx;
use SealChat::WebSocket;

our @EXPORT = qw(run_tests);

my %known = map { $_ => 1 } qw(
    main_config http_config config request raw_request more_headers
    error_code response_headers raw_response_headers_like
    raw_response_headers_unlike response_body response_body_like
    error_log no_error_log must_die
);

sub bail() { Test::More::fail($_[0]) }

sub run_tests() {
    run_block($_) for Test::Base::blocks();
    Test::More::done_testing() if !Test::More->builder->has_plan;
}

sub run_block() {
    my $block = shift;
    my $name = $block->name;

    my @unknown = grep { !$known{$_} && !/^(name|description)$/ }
                  @{ $block->_section_order };
    return bail("$name: unknown section: @unknown") if @unknown;

    my $nginx = SealChat::Nginx->new(
        map { $_ => $block->$_ // '' } qw(main_config http_config config));

    if (defined $block->must_die) {
        Test::More::ok($nginx->must_die, "$name - nginx refuses to start");
    } else {
        return bail("$name - $@") if !eval { $nginx->start };
        run_request($block, $nginx);
    }

    my $alarms = $nginx->stop;
    check_log($block, $nginx->error_log);
    Test::More::is($alarms, '', "$name - nothing alarming in the log");
}

sub run_request() {
    my ($block, $nginx) = @_;
    my $name = $block->name;
    my $client = SealChat::WebSocket->connect($nginx->port);

    $client->write($block->raw_request // request_of($block));
    Test::More::ok($client->closed, "$name - the connection ends");
    my ($head, $body) = split /\r\n\r\n/, $client->{in}, 2;
    $head //= '';

    my ($status) = $head =~ m{\AHTTP/1\.1 (\d\d\d)};
    my $wanted = $block->error_code // 200;
    $wanted =~ s/\s+\z//;
    Test::More::is($status, $wanted, "$name - status code");

    check_headers($block, $head);
    check_like(scalar $block->raw_response_headers_like, $head, "$name - head");
    my $unlike = $block->raw_response_headers_unlike;
    Test::More::unlike($head, pattern($unlike), "$name - head is not")
        if defined $unlike;
    Test::More::is($body, $block->response_body, "$name - body")
        if defined $block->response_body;
    check_like(scalar $block->response_body_like, $body, "$name - body");
}

sub request_of() {
    my $block = shift;
    my ($line) = ($block->request // '') =~ /\A([^\n]+?)\s*\z/;
    my $headers = $block->more_headers // '';

    $line .= ' HTTP/1.1' if $line !~ m{ HTTP/\d\.\d\z};
    $headers =~ s/\r?\n/\r\n/g;
    $headers .= "\r\n" if length $headers && $headers !~ /\r\n\z/;
    my $close = $headers =~ /^Connection:/mi ? '' : "Connection: close\r\n";
    return "$line\r\nHost: localhost\r\n$close$headers\r\n";
}

sub check_headers() {
    my ($block, $head) = @_;
    for my $line (split /\n/, $block->response_headers // '') {
        my $name = $block->name;
        if ($line =~ /\A!\s*(\S+)/) {
            Test::More::unlike($head, qr/^\Q$1\E:/mi, "$name - no $1");
            next;
        }
        my ($key, $value) = split /:\s*/, $line, 2;
        my ($got) = $head =~ /^\Q$key\E:\s*(.*?)\r?$/mi;
        Test::More::is($got, $value, "$name - $key");
    }
}

sub pattern() {
    my $pattern = shift;
    return $pattern if ref $pattern;
    $pattern =~ s/\s+\z//;
    return qr/$pattern/ms;
}

sub check_like() {
    my ($pattern, $text, $name) = @_;
    return if !defined $pattern;
    Test::More::like($text, pattern($pattern), $name);
}

sub lines_of() {
    my $value = shift;
    return () if !defined $value;
    return ref $value eq 'ARRAY' ? @$value : $value if ref $value;
    return grep { length } split /\n/, $value;
}

sub check_log() {
    my ($block, $log) = @_;
    my $name = $block->name;
    for my $wanted (lines_of(scalar $block->error_log)) {
        my $pattern = ref $wanted ? $wanted : qr/\Q$wanted\E/;
        Test::More::like($log, $pattern, "$name - error log has $wanted");
    }
    for my $forbidden (lines_of(scalar $block->no_error_log)) {
        my $pattern = ref $forbidden ? $forbidden : qr/\Q$forbidden\E/;
        Test::More::unlike($log, $pattern, "$name - no $forbidden");
    }
}

1;
