# The configuration: what is taken, and what nginx must not start with.

use strict;
use warnings;

use TestNginx 'no_plan';

run_tests();

__DATA__

=== TEST 1: a message above 65536 bytes
--- config
    sealchat_max_message_size 65537;
--- must_die
--- error_log
[emerg]
value must be between 1 and 65536



=== TEST 2: no message at all
--- config
    sealchat_max_message_size 0;
--- must_die
--- error_log
value must be between 1 and 65536



=== TEST 3: a size that is none
--- config
    sealchat_max_message_size big;
--- must_die
--- error_log
"sealchat_max_message_size" directive invalid value



=== TEST 4: a time that is none
--- config
    sealchat_ping_interval often;
--- must_die
--- error_log
"sealchat_ping_interval" directive invalid value



=== TEST 5: no time to connect
--- config
    sealchat_connect_timeout 0;
--- must_die
--- error_log
value must be equal to or greater than 1



=== TEST 6: no time to send
--- config
    sealchat_send_timeout 0;
--- must_die
--- error_log
value must be equal to or greater than 1



=== TEST 7: no queue
--- config
    sealchat_send_queue 0;
--- must_die
--- error_log
value must be equal to or greater than 1



=== TEST 8: a directive twice
--- config
    sealchat_send_queue 1k;
    sealchat_send_queue 2k;
--- must_die
--- error_log
"sealchat_send_queue" directive is duplicate



=== TEST 9: sealchat_pass twice
--- config
    location /chat {
        sealchat_pass unix:/nonexistent/a;
        sealchat_pass unix:/nonexistent/b;
    }
--- must_die
--- error_log
"sealchat_pass" directive is duplicate



=== TEST 10: sealchat_pass outside of a location
--- config
    sealchat_pass unix:/nonexistent/a;
--- must_die
--- error_log
"sealchat_pass" directive is not allowed here



=== TEST 11: an upstream that is not defined
--- config
    location /chat { sealchat_pass nobody; }
--- must_die
--- error_log
no port in upstream "nobody"



=== TEST 12: sealchat_pass without an argument
--- config
    location /chat { sealchat_pass; }
--- must_die
--- error_log
invalid number of arguments in "sealchat_pass" directive



=== TEST 13: an origin with a path
--- config
    sealchat_allowed_origins https://shop.example/;
--- must_die
--- error_log
invalid origin "https://shop.example/"



=== TEST 14: an origin without a scheme
--- config
    sealchat_allowed_origins none shop.example;
--- must_die
--- error_log
invalid origin "shop.example"



=== TEST 15: no link
--- config
    sealchat_links 0;
--- must_die
--- error_log
value must be between 1 and 64



=== TEST 16: too many links
--- config
    sealchat_links 65;
--- must_die
--- error_log
value must be between 1 and 64



=== TEST 17: failover that is neither on nor off
--- config
    sealchat_next_upstream error;
--- must_die
--- error_log
invalid value "error" in "sealchat_next_upstream" directive



=== TEST 18: a rate of nothing
--- config
    sealchat_rate messages=0;
--- must_die
--- error_log
invalid parameter "messages=0"



=== TEST 19: a rate of something else
--- config
    sealchat_rate 10r/s;
--- must_die
--- error_log
invalid parameter "10r/s"



=== TEST 20: a rate that is off and on
--- config
    sealchat_rate off messages=1;
--- must_die
--- error_log
invalid parameter "off"



=== TEST 21: a rate twice
--- config
    sealchat_rate off;
    sealchat_rate bytes=1k;
--- must_die
--- error_log
"sealchat_rate" directive is duplicate



=== TEST 22: bytes twice
--- config
    sealchat_rate bytes=1k bytes=2k;
--- must_die
--- error_log
invalid parameter "bytes=2k"



=== TEST 23: times that are none
--- config
    sealchat_auth_timeout soon;
--- must_die
--- error_log
"sealchat_auth_timeout" directive invalid value



=== TEST 24: a lifetime that is none
--- config
    sealchat_max_lifetime long;
--- must_die
--- error_log
"sealchat_max_lifetime" directive invalid value



=== TEST 25: a time to drain that is none
--- config
    sealchat_drain_timeout soon;
--- must_die
--- error_log
"sealchat_drain_timeout" directive invalid value



=== TEST 26: a status page without a zone
--- config
    location /status { sealchat_status; }
--- must_die
--- error_log
"sealchat_status" requires "sealchat_zone"



=== TEST 27: a status page in another format
--- http_config
    sealchat_zone z;
--- config
    location /status { sealchat_status xml; }
--- must_die
--- error_log
invalid format "xml"



=== TEST 28: a status page twice
--- http_config
    sealchat_zone z;
--- config
    location /status { sealchat_status; sealchat_status json; }
--- must_die
--- error_log
"sealchat_status" directive is duplicate



=== TEST 29: two zones
--- http_config
    sealchat_zone a;
    sealchat_zone b;
--- config
--- must_die
--- error_log
"sealchat_zone" directive is duplicate



=== TEST 30: a zone that is too small
--- http_config
    sealchat_zone a 4k;
--- config
--- must_die
--- error_log
zone "a" is too small



=== TEST 31: a zone of no size
--- http_config
    sealchat_zone a much;
--- config
--- must_die
--- error_log
invalid zone size "much"



=== TEST 32: a zone in a server
--- config
    sealchat_zone a;
--- must_die
--- error_log
"sealchat_zone" directive is not allowed here



=== TEST 33: everything at every level
--- http_config
    sealchat_connect_timeout 1s;
    sealchat_send_timeout 1m;
    sealchat_max_message_size 64k;
    sealchat_send_queue 64k;
    sealchat_ping_interval 30s;
    sealchat_ping_timeout 10s;
    sealchat_allowed_origins none;
    sealchat_links 1;
    sealchat_next_upstream off;
    sealchat_auth_timeout 60s;
    sealchat_max_lifetime 0;
    sealchat_drain_timeout 30s;
    sealchat_rate off;
    sealchat_zone sealchat 128k;
--- config
    sealchat_links 64;
    sealchat_next_upstream on;
    sealchat_auth_timeout 0;
    sealchat_max_lifetime 1d;
    sealchat_drain_timeout 0;
    sealchat_rate messages=1000000000;
    sealchat_connect_timeout 2s;
    sealchat_send_timeout 2m;
    sealchat_max_message_size 1;
    sealchat_send_queue 1m;
    sealchat_ping_interval 0;
    sealchat_ping_timeout 20s;
    sealchat_allowed_origins https://a.example https://b.example:8443;
    location /chat {
        sealchat_pass unix:/nonexistent/a;
        sealchat_connect_timeout 3s;
        sealchat_send_timeout 3m;
        sealchat_max_message_size 65536;
        sealchat_send_queue 1;
        sealchat_ping_interval 1;
        sealchat_ping_timeout 1;
        sealchat_allowed_origins none;
        sealchat_links 2;
        sealchat_next_upstream off;
        sealchat_auth_timeout 1;
        sealchat_max_lifetime 1;
        sealchat_drain_timeout 1h;
        sealchat_rate bytes=1m messages=1;
    }
--- request
GET /chat
--- error_code: 426
--- no_error_log
[error]
[emerg]
[warn]
