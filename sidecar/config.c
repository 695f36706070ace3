/*
 * Reading sealchatd.conf.  inih splits lines; this file knows the keys and
 * what values they take.  It may not open anything but the file it is given:
 * whether a path can be used is found out by whoever uses it.
 */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

/* Longest line that is read whole, its newline included; inih cuts longer
 * ones in two without a word. */
#define LINE_BYTES 190

const struct sc_throttle_config sc_throttle_default = {
    .limits = {
        [SC_LIMIT_PUZZLE_ADDRESS]   = { 20, 60 },
        [SC_LIMIT_PUZZLE_CUSTOMER]  = { 120, 60 },
        [SC_LIMIT_PUZZLE_ACCOUNT]   = { 20, 3600 },
        [SC_LIMIT_SESSIONS_ADDRESS] = { 1000, 3600 },
        [SC_LIMIT_MESSAGES_SESSION] = { 120, 60 },
        [SC_LIMIT_SIGNALS_SESSION]  = { 60, 60 },
        [SC_LIMIT_LOGINS_ADDRESS]   = { 60, 3600 },
        [SC_LIMIT_LOGINS_ACCOUNT]   = { 10, 3600 },
        [SC_LIMIT_REGISTRATIONS_ADDRESS] = { 20, 3600 },
        [SC_LIMIT_CHANGES_ACCOUNT]  = { 60, 3600 }
    },
    .puzzle_bits = 14
};

struct reading {
    struct sc_config *config;
    FILE             *in;
    const char       *file;
    unsigned          line;
    uint64_t          seen;      /* bits of keys[] */
    int               failed;
    char             *why;
    size_t            why_size;
};


static void
fail(struct reading *r, const char *format, ...)
{
    va_list args;
    int     n;

    if (r->failed) {
        return;
    }

    r->failed = 1;
    n = r->line ? snprintf(r->why, r->why_size, "%s:%u: ", r->file, r->line)
                : snprintf(r->why, r->why_size, "%s: ", r->file);

    if (n < 0 || (size_t) n >= r->why_size) {
        return;
    }

    va_start(args, format);
    vsnprintf(r->why + n, r->why_size - (size_t) n, format, args);
    va_end(args);
}


static void
set_text(struct reading *r, char **to, const char *value)
{
    free(*to);
    *to = strdup(value);
    if (*to == NULL) {
        fail(r, "out of memory");
    }
}


int
sc_origin_ok(const char *text)
{
    static const struct {
        const char *scheme;
        const char *own_port;
    } schemes[] = { { "http://", "80" }, { "https://", "443" } };

    const char *host = NULL, *port, *own = NULL;
    size_t      n;

    for (size_t i = 0; i < 2; i++) {
        n = strlen(schemes[i].scheme);
        if (strncmp(text, schemes[i].scheme, n) == 0) {
            host = text + n;
            own = schemes[i].own_port;
        }
    }

    if (host == NULL) {
        return 0;
    }

    n = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
    if (*host == '[') {
        n = 1 + strspn(host + 1, "abcdef0123456789:.");
        if (host[n] != ']' || n == 1) {
            return 0;
        }
        n++;
    }

    if (n == 0 || host[n] == '\0') {
        return n > 0;
    }

    port = host + n + 1;
    n = strspn(port, "0123456789");

    return port[-1] == ':' && n >= 1 && n <= 5 && port[n] == '\0'
           && port[0] != '0' && atoi(port) <= 65535 && strcmp(port, own) != 0;
}


static void
key_origin(struct reading *r, const char *value)
{
    if (!sc_origin_ok(value)) {
        fail(r, "origin = %s: not an origin such as https://chat.example.com "
             "(no path, no port that the scheme implies)", value);
        return;
    }

    set_text(r, &r->config->origin, value);
}


static void
key_registration(struct reading *r, const char *value)
{
    static const char *const names[] = { "off", "open", "invitation" };

    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            r->config->registration = (enum sc_registration) i;
            return;
        }
    }

    fail(r, "registration = %s: not one of off, open, invitation", value);
}


static void
set_socket(struct reading *r, char **to, const char *value)
{
    if (strlen(value) >= SC_SOCKET_PATH_MAX || value[0] == '\0') {
        fail(r, "listen: the path of a Unix socket has 1 to %u bytes",
             SC_SOCKET_PATH_MAX - 1);
        return;
    }

    set_text(r, to, value);
}


static void
key_listen(struct reading *r, const char *value)
{
    set_socket(r, &r->config->listen, value);
}


static void
key_admin_listen(struct reading *r, const char *value)
{
    set_socket(r, &r->config->admin_listen, value);
}


static void
key_mode(struct reading *r, const char *value)
{
    char         *end;
    unsigned long mode = strtoul(value, &end, 8);

    if (value[0] != '0' || *end != '\0' || mode > 0777 || !(mode & 0200)) {
        fail(r, "mode = %s: not an octal file mode such as 0660", value);
        return;
    }

    r->config->mode = (unsigned) mode;
}


static void
key_path(struct reading *r, const char *value)
{
    if (value[0] == '\0') {
        fail(r, "path: empty");
        return;
    }

    set_text(r, &r->config->store_path, value);
}


static void
key_user(struct reading *r, const char *value)
{
    if (value[0] == '\0') {
        fail(r, "user: empty");
        return;
    }

    set_text(r, &r->config->user, value);
}


static void
key_group(struct reading *r, const char *value)
{
    if (value[0] == '\0') {
        fail(r, "group: empty");
        return;
    }

    set_text(r, &r->config->group, value);
}


static void
key_peers(struct reading *r, const char *value)
{
    set_text(r, &r->config->peers, value);
}


static void
key_seccomp(struct reading *r, const char *value)
{
    static const char *const names[] = { "off", "on", "kill" };

    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            r->config->seccomp = (enum sc_seccomp) i;
            return;
        }
    }

    fail(r, "seccomp = %s: not one of off, on, kill", value);
}


static void
key_vault_key(struct reading *r, const char *value)
{
    if (value[0] == '\0') {
        fail(r, "vault_key: empty");
        return;
    }

    set_text(r, &r->config->vault_key, value);
}


/* A number; k, m, g and t after it mean powers of 1,024.  0, or -1. */
static int
number_of(const char *value, uint64_t *out)
{
    static const char units[] = "kmgt";

    char               *end;
    const char         *unit;
    unsigned            shift = 0;
    unsigned long long  n;

    errno = 0;
    n = strtoull(value, &end, 10);
    unit = *end ? strchr(units, *end | 0x20) : NULL;

    if (unit) {
        shift = 10 * (unsigned) (unit - units + 1);
        end++;
    }

    if (value[0] < '0' || value[0] > '9' || errno || *end != '\0'
        || n > (UINT64_MAX >> 16 >> shift))
    {
        return -1;
    }

    *out = (uint64_t) n << shift;

    return 0;
}


static void
key_map_size(struct reading *r, const char *value)
{
    if (number_of(value, &r->config->map_size) != 0) {
        fail(r, "map_size = %s: not a size such as 64g", value);
        return;
    }

    if (r->config->map_size < SC_MAP_SIZE_MIN) {
        fail(r, "map_size = %s: less than 64m", value);
    }
}


static void
key_keep(struct reading *r, const char *value)
{
    static const struct {
        const char *text;
        uint16_t    days;
    } classes[] = {
        { "7", 7 }, { "30", 30 }, { "90", 90 }, { "365", 365 },
        { "forever", SC_KEPT }
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(value, classes[i].text) == 0) {
            r->config->days = classes[i].days;
            return;
        }
    }

    fail(r, "keep = %s: not 7, 30, 90 or 365 days, nor forever", value);
}


static void
set_quota(struct reading *r, uint64_t *to, const char *name, const char *value)
{
    if (strcmp(value, "none") == 0) {
        *to = SC_NO_LIMIT;
        return;
    }

    if (number_of(value, to) != 0 || *to == 0) {
        fail(r, "%s = %s: neither a number such as 100k nor none", name,
             value);
    }
}


#define KEY_QUOTA(name)                                                       \
    static void                                                               \
    key_##name(struct reading *r, const char *value)                          \
    {                                                                         \
        set_quota(r, &r->config->quotas.name, #name, value);                  \
    }

KEY_QUOTA(bytes)
KEY_QUOTA(messages)
KEY_QUOTA(sessions)
KEY_QUOTA(first_bytes)
KEY_QUOTA(first_messages)


/* So many in a second, a minute or an hour. */
static void
set_limit(struct reading *r, enum sc_limit_name name, const char *text,
          const char *value)
{
    static const char     units[] = "smh";
    static const uint32_t seconds[] = { 1, 60, 3600 };

    struct sc_limit *limit = &r->config->limits.limits[name];
    const char      *slash = strchr(value, '/');
    const char      *unit = NULL;
    char             number[16] = "";
    uint64_t         n = 0;

    if (strcmp(value, "none") == 0) {
        *limit = (struct sc_limit) { .n = 0 };
        return;
    }

    if (slash && slash[1] && slash[2] == '\0'
        && (size_t) (slash - value) < sizeof(number))
    {
        unit = strchr(units, slash[1]);
        memcpy(number, value, (size_t) (slash - value));
    }

    if (unit == NULL || number_of(number, &n) != 0 || n == 0
        || n > SC_LIMIT_MAX)
    {
        fail(r, "%s = %s: neither a rate such as 20/m nor none", text, value);
        return;
    }

    limit->n = (uint32_t) n;
    limit->seconds = seconds[unit - units];
}


#define KEY_LIMIT(NAME, name)                                                 \
    static void                                                               \
    key_##name(struct reading *r, const char *value)                          \
    {                                                                         \
        set_limit(r, SC_LIMIT_##NAME, #name, value);                          \
    }

SC_LIMITS(KEY_LIMIT)


static void
key_limits_enabled(struct reading *r, const char *value)
{
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
        fail(r, "enabled = %s: neither on nor off", value);
        return;
    }

    r->config->limits.off = value[1] == 'f';
}


static void
key_puzzle_bits(struct reading *r, const char *value)
{
    uint64_t bits;

    if (number_of(value, &bits) != 0 || bits > SC_PUZZLE_BITS_MAX) {
        fail(r, "puzzle_bits = %s: not a number up to %u", value,
             SC_PUZZLE_BITS_MAX);
        return;
    }

    r->config->limits.puzzle_bits = (unsigned) bits;
}


static void
key_level(struct reading *r, const char *value)
{
    int level = sc_log_level_of(value);

    if (level < 0) {
        fail(r, "level = %s: not one of error, warn, info, debug", value);
        return;
    }

    r->config->level = (enum sc_log_level) level;
}


static void
key_file(struct reading *r, const char *value)
{
    if (value[0] == '\0') {
        fail(r, "file: empty");
        return;
    }

    set_text(r, &r->config->log_file, value);
}


static const struct {
    const char *section;
    const char *name;
    void      (*set)(struct reading *r, const char *value);
    int         needed;
} keys[] = {
    { "service", "origin",       key_origin,       1 },
    { "service", "registration", key_registration, 0 },
    { "service", "user",         key_user,         0 },
    { "service", "seccomp",      key_seccomp,      0 },
    { "link",    "listen",       key_listen,       1 },
    { "link",    "mode",         key_mode,         0 },
    { "link",    "group",        key_group,        0 },
    { "link",    "peers",        key_peers,        0 },
    { "admin",   "listen",       key_admin_listen, 0 },
    { "store",   "path",         key_path,         1 },
    { "store",   "map_size",     key_map_size,     0 },
    { "store",   "vault_key",    key_vault_key,    0 },
    { "store",   "keep",         key_keep,         0 },
    { "quotas",  "bytes",        key_bytes,        0 },
    { "quotas",  "messages",     key_messages,     0 },
    { "quotas",  "sessions",     key_sessions,     0 },
    { "quotas",  "first_bytes",  key_first_bytes,  0 },
    { "quotas",  "first_messages", key_first_messages, 0 },
    { "limits",  "enabled",      key_limits_enabled, 0 },
    { "limits",  "puzzle_bits",  key_puzzle_bits,  0 },
    { "limits",  "puzzle_address", key_puzzle_address, 0 },
    { "limits",  "puzzle_customer", key_puzzle_customer, 0 },
    { "limits",  "puzzle_account", key_puzzle_account, 0 },
    { "limits",  "sessions_address", key_sessions_address, 0 },
    { "limits",  "messages_session", key_messages_session, 0 },
    { "limits",  "signals_session", key_signals_session, 0 },
    { "limits",  "logins_address", key_logins_address, 0 },
    { "limits",  "logins_account", key_logins_account, 0 },
    { "limits",  "registrations_address", key_registrations_address, 0 },
    { "limits",  "changes_account", key_changes_account, 0 },
    { "log",     "level",        key_level,        0 },
    { "log",     "file",         key_file,         0 },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))


static int
on_key(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;

    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(keys[i].section, section) == 0
            && strcmp(keys[i].name, name) == 0)
        {
            if (r->seen & 1ull << i) {
                fail(r, "%s stands twice in [%s]", name, section);
                return 0;
            }

            r->seen |= 1ull << i;
            keys[i].set(r, value);
            return !r->failed;
        }
    }

    fail(r, "unknown key %s in [%s]", name, section);
    return 0;
}


/* What fgets does for inih, with the lines counted and long ones refused. */
static char *
on_line(char *to, int n, void *user)
{
    struct reading *r = user;

    if (r->failed || fgets(to, n, r->in) == NULL) {
        return NULL;
    }

    r->line++;

    if (strlen(to) > LINE_BYTES) {
        fail(r, "the line is longer than %d bytes", LINE_BYTES);
        return NULL;
    }

    /* inih takes an indented line for the rest of the value above it. */
    memmove(to, to + strspn(to, " \t"), strlen(to + strspn(to, " \t")) + 1);

    return to;
}


/* Beside the links' socket, under its name. */
static void
derive_admin(struct reading *r)
{
    char path[SC_SOCKET_PATH_MAX];

    if ((size_t) snprintf(path, sizeof(path), "%s.admin", r->config->listen)
        >= sizeof(path))
    {
        fail(r, "the path of the admin socket, %s.admin, is too long: set "
             "listen in [admin]", r->config->listen);
        return;
    }

    set_text(r, &r->config->admin_listen, path);
}


/* Beside the store's directory, and never in it: a copy of the store must not
 * bring its key along. */
static void
place_vault_key(struct reading *r)
{
    const char *path = r->config->store_path;
    size_t      n = strlen(path);
    char       *key;

    while (n > 1 && path[n - 1] == '/') {
        n--;
    }

    if (r->config->vault_key == NULL) {
        key = malloc(n + sizeof(".key"));
        if (key == NULL) {
            fail(r, "out of memory");
            return;
        }

        memcpy(key, path, n);
        memcpy(key + n, ".key", sizeof(".key"));
        r->config->vault_key = key;
        return;
    }

    if (strncmp(r->config->vault_key, path, n) == 0
        && r->config->vault_key[n] == '/')
    {
        fail(r, "vault_key = %s: inside of path, where a copy of the store "
             "would take it along", r->config->vault_key);
    }
}


static void
read_file(struct reading *r)
{
    int line = ini_parse_stream(on_line, r, on_key, r);

    /* inih tells of a line that it cannot split only at the end; it comes
     * before what its loss led to. */
    if (line > 0 && (!r->failed || (unsigned) line < r->line)) {
        r->failed = 0;
        r->line = (unsigned) line;
        fail(r, "neither [section], key = value nor comment");
    }

    if (!r->failed && ferror(r->in)) {
        fail(r, "%s", strerror(errno));
    }

    r->line = 0;

    for (size_t i = 0; i < N_KEYS; i++) {
        if (keys[i].needed && !(r->seen & 1ull << i)) {
            fail(r, "%s is missing in [%s]", keys[i].name, keys[i].section);
        }
    }

    if (!r->failed && r->config->admin_listen == NULL) {
        derive_admin(r);
    }

    if (!r->failed) {
        place_vault_key(r);
    }
}


int
sc_config_read(struct sc_config *config, const char *file,
               char *why, size_t why_size)
{
    struct reading r = {
        .config = config, .file = file, .why = why, .why_size = why_size
    };

    *config = (struct sc_config) {
        .seccomp = SC_SECCOMP_ON, .mode = 0660, .map_size = 64ull << 30,
        .level = SC_LOG_INFO, .days = 90,
        .quotas = {
            .bytes = SC_NO_LIMIT, .messages = SC_NO_LIMIT,
            .sessions = SC_NO_LIMIT, .first_bytes = 4u << 20,
            .first_messages = 1000
        },
        .limits = sc_throttle_default
    };

    r.in = fopen(file, "re");
    if (r.in == NULL) {
        fail(&r, "%s", strerror(errno));
        return -1;
    }

    read_file(&r);
    (void) fclose(r.in);

    return r.failed ? -1 : 0;
}


void
sc_config_free(struct sc_config *config)
{
    free(config->origin);
    free(config->user);
    free(config->listen);
    free(config->group);
    free(config->peers);
    free(config->admin_listen);
    free(config->store_path);
    free(config->vault_key);
    free(config->log_file);
    *config = (struct sc_config) { .mode = 0 };
}
