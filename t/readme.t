#!/usr/bin/perl
# The nginx configuration of README.md, as somebody copies it: with paths and
# names of this machine in the place of those written there, and nothing else
# changed, nginx starts with it, and a site can load the widget from it.

package README;

use strict;
use warnings;

use parent -norequire, 'SealChat::Nginx';

use SealChat::Nginx;

# What the README says, and what this test has there instead.
sub write_config {
    my $self = shift;
    my ($dir, $port) = ($self->dir, $self->port);
    my ($text) = SealChat::Nginx::slurp(SealChat::Nginx::root() . '/README.md')
        =~ /^```nginx\n(.*?)^```$/ms or die "no configuration in README.md\n";
    my %instead = (
        'modules/ngx_http_sealchat_module.so' => $self->module,
        'listen 443 ssl' => "listen 127.0.0.1:$port ssl",
        'chat.pem' => "$dir/chat.pem",
        'chat.key' => "$dir/chat.key",
        'unix:/run/sealchat/sealchatd.sock' => "unix:$dir/sock",
        '/srv/sealchat' => "$dir/pages",
        'http {' => join("\n", 'http {', "access_log $dir/access.log;",
            map { "${_}_temp_path $dir/$_;" }
                qw(client_body proxy fastcgi uwsgi scgi)),
    );
    for my $words (sort keys %instead) {
        $text =~ s/\Q$words\E/$instead{$words}/g
            or die "README.md does not say \"$words\" any more\n";
    }
    my $user = $> == 0 ? 'user root;' : '';
    open my $out, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!\n";
    print $out "$user daemon off; pid $dir/nginx.pid;\n",
        "error_log $dir/error.log info;\n$text";
    close $out or die "$dir/nginx.conf: $!\n";
}

package main;

use IPC::Open2 qw(open2);
use Test::More;

my $nginx = README->new;
my $dir = $nginx->dir;

my $made = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \\
    -nodes -days 1 -subj /CN=chat.example.com \\
    -keyout $dir/chat.key -out $dir/chat.pem 2>&1`;
$? == 0 or die "openssl makes no certificate: $made\n";

sub put {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/pages/$name" or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}

mkdir "$dir/$_" or die "$_: $!\n" for qw(pages pages/widget pages/widget/5ea1);
# As nginx has it beside its configuration.
open my $types, '>', "$dir/mime.types" or die "mime.types: $!\n";
print $types "types { text/html html; application/javascript js; }\n";
close $types or die "mime.types: $!\n";

put('inbox.html', 'this is the inbox');
put('widget/5ea1/sealchat-widget.js', 'this is the widget');

# The whole answer.
sub get {
    my $path = shift;
    my $pid = open2(my $out, my $in, qw(openssl s_client -quiet -verify_quiet),
                    '-verify_return_error', '-CAfile', "$dir/chat.pem",
                    '-servername', 'chat.example.com',
                    '-connect', '127.0.0.1:' . $nginx->port);
    print $in "GET $path HTTP/1.1\r\nHost: chat.example.com\r\n",
        "Connection: close\r\n\r\n";
    local $/;
    my $answer = <$out>;
    close $in;
    waitpid $pid, 0;
    return $answer // '';
}

$nginx->start;

my $answer = get('/');
like($answer, qr{^HTTP/1\.1 200 .*^Content-Type: text/html\r$}ms,
    'the service has a page');
like($answer, qr/\r\n\r\nthis is the inbox$/, '... which is the inbox');

$answer = get('/widget/5ea1/sealchat-widget.js');
like($answer, qr/\r\n\r\nthis is the widget$/, 'releases of the widget are there');
like($answer, qr{^Content-Type: application/javascript\r$}m,
    '... as what they are');
like($answer, qr/^Access-Control-Allow-Origin: \*\r$/m,
    '... and the pages of other sites may load them with a hash');

like(get('/sealchat'), qr{^HTTP/1\.1 426 }, 'the module answers at its address');

is($nginx->stop, '', 'nginx ends well');

done_testing();
