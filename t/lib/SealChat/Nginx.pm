package SealChat::Nginx;

# One real nginx with the module, in a directory of its own, on a free port.
#
#   my $nginx = SealChat::Nginx->new(config => 'location / { ... }');
#   $nginx->start;    # dies when nginx does not come up
#   $nginx->stop;     # returns what must not have been in its logs
#
# In the configuration, $TEST_NGINX_<NAME> stands for the environment variable
# of that name.  SEALCHAT_MODULE names the module, SEALCHAT_VALGRIND=1 runs
# nginx under valgrind.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $binary = $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx';
my $valgrind = $ENV{SEALCHAT_VALGRIND};

sub root { $root }

# shipped => 1 takes the module without sanitizers, for tests that measure.
sub module {
    my ($self) = @_;
    my $shipped = $valgrind || ref $self && $self->{shipped};
    my $path = $ENV{SEALCHAT_MODULE}
        // "$root/build/" . ($shipped ? '' : 'asan/')
           . 'module/ngx_http_sealchat_module.so';
    -r $path or die "no module at $path\n";
    return abs_path($path);
}

sub new {
    my ($class, %self) = @_;
    my $self = bless {
        main_config => '', http_config => '', config => '', workers => 1,
        log_level => 'info', connections => 1024,
        listen => '', %self,
    }, $class;
    $self->{dir} = tempdir('sealchat-t-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $self->{dir};
    $self->{port} //= free_port();
    return $self;
}

sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
                                       ReuseAddr => 1)
        or die "no free port: $!\n";
    return $socket->sockport;
}

sub port { $_[0]{port} }
sub dir { $_[0]{dir} }
sub error_log { slurp("$_[0]{dir}/error.log") }
sub access_log { slurp("$_[0]{dir}/access.log") }
sub pid { $_[0]{pid} }

sub slurp {
    my $file = shift;
    open my $in, '<:raw', $file or return '';
    local $/;
    return scalar(<$in>) // '';
}

sub write_config {
    my $self = shift;
    my $dir = $self->{dir};
    my $user = $> == 0 ? 'user root;' : '';
    my $text = <<"END";
load_module @{[$self->module]};
$user
daemon @{[$self->{daemon} ? 'on' : 'off']};
worker_processes $self->{workers};
pid $dir/nginx.pid;
error_log $dir/error.log $self->{log_level};
$self->{main_config}
events { worker_connections $self->{connections}; }
http {
    access_log $dir/access.log;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    keepalive_timeout 68;
    $self->{http_config}
    server {
        listen 127.0.0.1:$self->{port} $self->{listen};
        server_name localhost;
        root $dir;
        $self->{config}
    }
}
END
    $text =~ s/\$(TEST_NGINX_[A-Z0-9_]+)/$ENV{$1} \/\/ die "no \$$1\n"/ge;
    open my $out, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!\n";
    print $out $text;
    close $out or die "$dir/nginx.conf: $!\n";
}

sub sanitizers {
    my $file = module(@_);
    open my $readelf, '-|', 'readelf', '-d', $file or die "readelf: $!\n";
    my @needed = join('', <$readelf>) =~ /NEEDED.*\[(lib[au]\w*san)\.so/g;
    close $readelf;
    my @paths;
    for my $name (@needed) {
        chomp(my $path = `gcc -print-file-name=$name.so`);
        push @paths, $path;
    }
    return join ':', @paths;
}

sub spawn {
    my $self = shift;
    my $dir = $self->{dir};
    my $preload = join ':', grep { length } $self->sanitizers,
                  map { "$root/build/t/preload/$_.so" }
                      $self->{preload} // ();
    $self->write_config;

    my @command = ($binary, '-p', "$dir/", '-c', "$dir/nginx.conf",
                   '-e', "$dir/error.log");
    unshift @command, 'valgrind', '-q', '--trace-children=yes',
        '--leak-check=no',
        '--log-file=' . "$dir/valgrind.%p"
        if $valgrind;

    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>>', "$dir/stderr" or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        open STDIN, '<', '/dev/null' or POSIX::_exit(127);
        if ($preload) {
            $ENV{LD_PRELOAD} = $preload;
            $ENV{ASAN_OPTIONS} = 'detect_leaks=1:fast_unwind_on_malloc=0';
            $ENV{LSAN_OPTIONS} = 'exitcode=0';
            $ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';
        }
        exec @command or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    return if !$self->{daemon};

    waitpid $pid, 0;
    sleep 0.02 while !$self->pid_file;
    $self->adopt($self->pid_file);
}

sub pid_file { slurp("$_[0]{dir}/nginx.pid") =~ /^(\d+)/ ? $1 : undef }

sub start {
    my $self = shift;
    $self->spawn;
    my $until = time + ($valgrind ? 120 : 20);
    while (time < $until) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                           PeerPort => $self->{port});
        return $self if $socket && $self->worker_pids;
        if ($self->ended) {
            delete $self->{pid};
            die "nginx did not start:\n" . $self->error_log
                . slurp("$self->{dir}/stderr");
        }
        sleep 0.02;
    }
    $self->stop;
    die "nginx does not listen:\n" . $self->error_log;
}

# Starts nginx with a configuration that it has to refuse; true if it did.
sub must_die {
    my $self = shift;
    $self->spawn;
    my $status = $self->wait_exit(20);
    $self->stop if !defined $status;
    return defined $status && $status != 0;
}

sub wait_exit {
    my ($self, $seconds) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        if ($self->ended) {
            delete $self->{pid};
            return $?;
        }
        sleep 0.01;
    }
    return undef;
}

# A master that took over from the one that was started here is no child.
sub adopt {
    my ($self, $pid) = @_;
    @$self{qw(pid adopted)} = ($pid, 1);
}

sub ended {
    my $self = shift;
    return waitpid($self->{pid}, WNOHANG) == $self->{pid}
        if !$self->{adopted};
    return slurp("/proc/$self->{pid}/stat") !~ /\) [^Z]/;
}

sub reload { kill HUP => $_[0]{pid} }

sub worker_pids {
    my $self = shift;
    my $children = slurp("/proc/$self->{pid}/task/$self->{pid}/children");
    return split ' ', $children;
}

# Waits until a pattern stands in the error log.
sub wait_log {
    my ($self, $pattern, $seconds) = @_;
    my $until = time + ($seconds // 10);
    while (time < $until) {
        return 1 if $self->error_log =~ $pattern;
        sleep 0.02;
    }
    return 0;
}

sub stop {
    my $self = shift;
    my @bad;
    if ($self->{pid}) {
        kill QUIT => $self->{pid};
        if (!defined $self->wait_exit($valgrind ? 60 : 15)) {
            push @bad, 'nginx did not exit within 15 s of QUIT';
            kill TERM => $self->{pid};
            $self->wait_exit(5);
        }
    }
    if ($self->{pid}) {
        kill KILL => $self->{pid};
        waitpid $self->{pid}, 0;
        delete $self->{pid};
    }
    return join "\n", @bad, $self->alarms;
}

# Memory that a worker lost and that the module had asked for; at its exit
# nginx has unloaded it, so that it has no name any more.  nginx itself frees
# neither its table of connections nor, after a bad configuration, all that it
# has read of it.
sub leaks {
    my $text = shift;
    return grep { /unknown module|sealchat_module|ngx_http_create_request/ }
           $text =~ /^((?:Direct|Indirect) leak of .*?)\n\n/gms;
}

# What must never be in a log, whatever the test.
sub alarms {
    my $self = shift;
    my $text = $self->error_log . slurp("$self->{dir}/stderr")
               . join '', map { slurp($_) } glob "$self->{dir}/valgrind.*";
    my @alarms = grep {
        /AddressSanitizer|runtime error:|\[alert\]
         |exited\ on\ signal|^==\d+==/x
        && !/ERROR: LeakSanitizer|SUMMARY: .* leaked in/
    } split /\n/, $text;
    return @alarms, leaks($text);
}

sub DESTROY {
    my $self = shift;
    local ($?, $@, $!);
    $self->stop if $self->{pid};
}

1;
