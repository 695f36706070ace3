/*
 * The real nginx with the shipped module in front of the real sealchatd, in a
 * directory of their own, under the load of thousands of sockets.
 */

#include "site.h"

#include <netinet/in.h>
#include <sys/resource.h>

#include "sockets.h"

struct daemon D;

static const struct site *site;
static pid_t              nginx;
static char               port[8];

static void
take_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    if (limit.rlim_max < (rlim_t) site->sockets + 100) {
        fprintf(stderr, "%llu descriptors are too few\n",
                (unsigned long long) limit.rlim_max);
        exit(2);
    }
}

static void
find_port(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t          n = sizeof(addr);
    int                fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &addr, &n), 0);
    snprintf(port, sizeof(port), "%u", ntohs(addr.sin_port));
    close(fd);
}

static void
configure(void)
{
    char  path[128];
    FILE *f = fopen(D.conf, "w");

    assert_non_null(f);
    fprintf(f, "[service]\norigin = %s\nregistration = open\n"
            "[link]\nlisten = %s\nmode = 0600\n"
            "[store]\npath = %s/store\nmap_size = 2g\n"
            "[limits]\nenabled = off\n"
            "[log]\nlevel = info\nfile = %s\n", ORIGIN, D.sock, D.dir, D.log);
    fclose(f);

    snprintf(path, sizeof(path), "%s/nginx.conf", D.dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s daemon off; worker_processes 2; pid %s/nginx.pid;\n"
            "error_log %s/nginx.log %s; load_module %s;\n"
            "worker_rlimit_nofile %d;\n"
            "events { worker_connections %d; }\n"
            "http { access_log off;\n"
            "upstream sealchat { server unix:%s; }\n"
            "server { listen 127.0.0.1:%s backlog=4096;\n"
            "location /sealchat { sealchat_pass sealchat; %s } } }\n",
            geteuid() == 0 ? "user root;" : "", D.dir, D.dir,
            site->log_level, site->module, site->sockets + 100,
            site->sockets + 100, D.sock, port, site->location);
    fclose(f);
}

static void
start_nginx(void)
{
    char conf[128], log[128];

    snprintf(conf, sizeof(conf), "%s/nginx.conf", D.dir);
    snprintf(log, sizeof(log), "%s/nginx.log", D.dir);
    nginx = fork();
    assert_true(nginx >= 0);

    if (nginx == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl("/usr/sbin/nginx", "nginx", "-p", D.dir, "-c", conf, "-e", log,
              (char *) NULL);
        _exit(127);
    }
}

static int
listens(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    int                fd = socket(AF_INET, SOCK_STREAM, 0), rc;

    addr.sin_port = htons((uint16_t) atoi(port));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = connect(fd, (struct sockaddr *) &addr, sizeof(addr));
    close(fd);
    return rc == 0;
}

void
site_start_daemon(const char *program)
{
    setenv("SEALCHATD", program, 1);
    daemon_start(&D);
}

void
site_open(const struct site *wanted)
{
    struct peer peer;

    site = wanted;
    take_descriptors();
    daemon_make(&D);
    find_port();
    configure();
    site_start_daemon(site->program);

    peer_open(&peer, &D);
    for (int i = 0; i < W.n_customers; i++) {
        customer_register(&W.customers[i], &peer);
    }
    peer_close(&peer);
    W.changes = 0;

    start_nginx();
    for (int i = 0; i < PATIENCE / 20 && !listens(); i++) {
        nap(20);
    }
    sockets_open(port);
}


/* --- nginx --------------------------------------------------------------- */

void
site_reload(void)
{
    assert_int_equal(kill(nginx, SIGHUP), 0);
}

unsigned
site_log(void (*each)(const char *line, void *data), void *data)
{
    char     path[128], line[2048];
    unsigned alerts = 0;
    FILE    *f;

    snprintf(path, sizeof(path), "%s/nginx.log", D.dir);
    f = fopen(path, "r");
    assert_non_null(f);

    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, "[alert]") || strstr(line, "[emerg]")) {
            alerts++;
            printf("# %s", line);
        }
        if (each) {
            each(line, data);
        }
    }

    fclose(f);
    return alerts;
}

int
site_stop_nginx(void)
{
    int status;

    kill(nginx, SIGTERM);
    status = wait_for(nginx);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
site_workers(void)
{
    char  path[64], line[4096] = "";
    int   n = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) nginx,
             (int) nginx);
    f = fopen(path, "r");
    assert_non_null(f);
    if (fgets(line, sizeof(line), f)) {
        for (char *p = line; (p = strchr(p, ' ')) != NULL; p++) {
            n++;
        }
    }

    fclose(f);
    return n;
}
