package SealChat::Sidecar;

# The real sealchatd as a process, with a store of its own.
#
#   my $sidecar = SealChat::Sidecar->new;
#   $sidecar->socket; $sidecar->stop;

use strict;
use warnings;

use File::Temp qw(tempdir);
use POSIX ();
use SealChat::Nginx;
use Time::HiRes qw(sleep time);

sub new {
    my ($class, %args) = @_;
    my $dir = tempdir('sealchat-s-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $self = bless { dir => $dir }, $class;

    mkdir "$dir/store" or die "$dir/store: $!\n";
    open my $conf, '>', "$dir/sealchatd.conf" or die "sealchatd.conf: $!\n";
    print $conf "[service]\norigin = http://127.0.0.1:1\n"
        . "[link]\nlisten = $dir/link.sock\n[store]\npath = $dir/store\n"
        . ($args{limits} // "[limits]\nenabled = off\n");
    close $conf or die "sealchatd.conf: $!\n";

    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>', "$dir/log" or POSIX::_exit(127);
        exec SealChat::Nginx::root() . '/build/sealchatd', '-c',
             "$dir/sealchatd.conf" or POSIX::_exit(127);
    }
    $self->{pid} = $pid;

    my $until = time + 20;
    while (!-S $self->socket) {
        time < $until or die "sealchatd does not listen\n";
        sleep 0.02;
    }
    return $self;
}

sub socket { "$_[0]{dir}/link.sock" }

sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    kill $signal // 'TERM' => $pid;
    waitpid $pid, 0;
}

sub DESTROY {
    my $self = shift;
    local ($?, $@, $!);
    $self->stop('KILL');
}

1;
