package SealChat::Chat;

# nginx with one location /chat in front of one link-echo: what most tests of
# frames, sessions and links need.
#
#   my $chat = SealChat::Chat->new(config => '...', echo => ['--garbage']);
#   my $ws = $chat->connect;
#   $chat->finish;    # a test of its own: nothing alarming in the log

use strict;
use warnings;

use SealChat::Echo;
use SealChat::Nginx;
use SealChat::WebSocket;
use Scalar::Util qw(weaken);
use Test::More ();

sub new {
    my ($class, %opt) = @_;
    my $echo = SealChat::Echo->new(@{ delete $opt{echo} // [] });
    my $location = delete $opt{location} // '';
    my $server = delete $opt{server} // '';
    # A browser that is not read is not seen to go, and leaves at its turn.
    $opt{http_config} = "sealchat_drain_timeout 1s;\n"
        . "upstream chat { server unix:@{[$echo->socket]} $server; }\n"
        . ($opt{http_config} // '');
    $opt{config} = "location /chat { sealchat_pass chat; $location }\n"
        . ($opt{config} // '');
    my $nginx = SealChat::Nginx->new(%opt)->start;
    return bless { echo => $echo, nginx => $nginx }, $class;
}

sub echo { $_[0]{echo} }
sub nginx { $_[0]{nginx} }

sub connect {
    my ($self, %opt) = @_;
    my $ws = SealChat::WebSocket->new($self->{nginx}->port, %opt);
    push @{ $self->{browsers} }, $ws;
    weaken($self->{browsers}[-1]);
    return $ws;
}

sub finish {
    my ($self, %opt) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    # A browser that is not there to answer Close would delay the exit.
    close $_->socket for grep { $_ } @{ $self->{browsers} };
    my $alarms = $self->{nginx}->stop;
    Test::More::is($alarms, '', 'nothing alarming in the log');
    my $errors = join "\n", grep { /\[(error|crit|emerg)\]/ }
                 split /\n/, $self->{nginx}->error_log;
    if ($opt{errors}) {
        Test::More::like($errors, $opt{errors}, 'the error log says so');
    } else {
        Test::More::is($errors, '', 'no error in the log');
    }
    $self->{echo}->stop;
    Test::More::unlike($self->{echo}->output, qr/invalid record/,
                       'no invalid record was sent to the sidecar');
}

1;
