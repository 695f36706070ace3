package SealChat::Echo;

# link-echo as a process: a sidecar for the module's tests.
#
#   my $echo = SealChat::Echo->new('--garbage');
#   $echo->socket; $echo->output; $echo->stop;

use strict;
use warnings;

use File::Temp qw(tempdir);
use POSIX ();
use SealChat::Nginx;
use Time::HiRes qw(sleep time);

sub new {
    my ($class, @switches) = @_;
    my $dir = tempdir('sealchat-e-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    my $self = bless { dir => $dir, switches => [@switches] }, $class;
    return $self->start;
}

sub socket { "$_[0]{dir}/echo.sock" }
sub output { SealChat::Nginx::slurp("$_[0]{dir}/out") }
sub pid { $_[0]{pid} }

sub start {
    my ($self, @switches) = @_;
    my $tool = SealChat::Nginx::root() . '/build/t/tools/link-echo';
    -x $tool or die "no $tool\n";
    @switches = @{ $self->{switches} } if !@switches;
    unlink "$self->{dir}/out";
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$self->{dir}/out" or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        exec $tool, @switches, $self->socket or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    $self->wait_output(qr/^listening/m) or die "link-echo does not listen\n";
    return $self;
}

sub wait_output {
    my ($self, $pattern, $seconds) = @_;
    my $until = time + ($seconds // 10);
    while (time < $until) {
        return 1 if $self->output =~ $pattern;
        sleep 0.01;
    }
    return 0;
}

sub signal { kill $_[1] => $_[0]{pid} }

# "KILL" leaves the socket's file behind, as a crash does.
sub stop {
    my ($self, $signal) = @_;
    return if !$self->{pid};
    kill $signal // 'TERM' => $self->{pid};
    waitpid $self->{pid}, 0;
    delete $self->{pid};
}

sub DESTROY {
    my $self = shift;
    local ($?, $@, $!);
    $self->stop('KILL');
}

1;
