package TestNginx;

# Test::Nginx::Socket where it is installed, and our own runner of its
# sections elsewhere.

use strict;
use warnings;

my $runner;

BEGIN {
    if (eval { require Test::Nginx::Socket }) {
        $runner = 'Test::Nginx::Socket';
        require SealChat::Nginx;
        $ENV{TEST_NGINX_LOAD_MODULES} //= SealChat::Nginx::module();
        $ENV{LD_PRELOAD} //= SealChat::Nginx::sanitizers();
    } else {
        require SealChat::TestNginx;
        $runner = 'SealChat::TestNginx';
    }
}

sub import {
    my ($class, @args) = @_;
    @_ = ($runner, @args);
    goto &{ $runner->can('import') };
}

1;
