/*
 * sealchatctl: what an operator does with a service, running or stopped.
 *
 * Most commands are one request on the admin socket, and one table says which
 * words make which; the others have files of their own.
 */

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../admin/request.h"
#include "../version.h"
#include "commands.h"

/* How an answer is shown: its last line by names and values, as text, or the
 * lines before it as a table of these columns. */
#define BY_NAMES  ""
#define AS_TEXT   NULL

struct command {
    const char *words;        /* one or two */
    const char *verb;         /* of the request */
    const char *needed;       /* names of what follows, parted by spaces */
    const char *options;      /* names of --name value */
    const char *columns;
    const char *help;
    int       (*run)(const struct sc_ctl *ctl);  /* instead of a request */
};

static const struct command commands[] = {
    { "status", "status", "", "", BY_NAMES,
      "how the service is", NULL },
    { "metrics", "metrics", "", "", AS_TEXT,
      "the same for Prometheus, in full", NULL },
    { "customers list", "customers", "", "",
      "cid disabled days sessions messages stored_bytes registered_ms",
      "all customers", NULL },
    { "customers show", "customer", "cid", "", BY_NAMES,
      "one of them, with its quotas", NULL },
    { "customers disable", "disable", "cid", "", BY_NAMES,
      "let nobody in, and close what is open", NULL },
    { "customers enable", "enable", "cid", "", BY_NAMES,
      "let them in again", NULL },
    { "customers delete", "delete", "cid again", "", BY_NAMES,
      "for good: the id has to stand twice", NULL },
    { "customers retention", "retention", "cid days", "", BY_NAMES,
      "7, 30, 90, 365 days, or forever", NULL },
    { "customers quota", "quota", "cid",
      "bytes messages sessions first-bytes first-messages", BY_NAMES,
      "--bytes N, --messages N, --sessions N ...", NULL },
    { "sessions", "sessions", "cid", "", "sid newest cursor time_ms blocked",
      "the sessions of a customer", NULL },
    { "devices", "devices", "cid", "", "device cursor behind",
      "the devices of a customer", NULL },
    { "invitations list", "invitations", "", "",
      "name made_ms expires_ms used_ms label cid",
      "who may register", NULL },
    { "invitations create", "invite", "", "days label", BY_NAMES,
      "--days N, --label WORD", NULL },
    { "invitations revoke", "revoke", "name", "", BY_NAMES,
      "as if it had never been", NULL },
    { "vault create", NULL, "", "", BY_NAMES,
      "make the vault's key file", sc_ctl_vault_create },
    { "vault rotate", NULL, "", "", BY_NAMES,
      "put the vault under a new key", sc_ctl_vault_rotate },
    { "backup", NULL, "folder", "", BY_NAMES,
      "copy the running store into a new folder", sc_ctl_backup },
    { "restore", NULL, "backup folder", "", BY_NAMES,
      "make a store of a backup, and verify it", sc_ctl_restore },
    { "check", NULL, "", "", BY_NAMES,
      "look a stopped store over", sc_ctl_check },
    { "verify", NULL, "domain", "", BY_NAMES,
      "compare what a customer publishes with what a service shows",
      sc_ctl_verify },
};

#define DEFAULT_CONFIG  "/etc/sealchat/sealchatd.conf"

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))


int
sc_ctl_complain(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("sealchatctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\n", stderr);

    return SC_CTL_FAILED;
}


static int
usage(FILE *to)
{
    char left[80], *p;
    int  n;

    fputs("usage: sealchatctl [-c file] [-s socket] [-j] command ...\n"
          "  -c file    sealchatd.conf, which names the admin socket\n"
          "  -s socket  the admin socket itself\n"
          "  -j         print JSON\n"
          "  -V         print the version and exit\n\ncommands:\n", to);

    for (size_t i = 0; i < N_COMMANDS; i++) {
        n = snprintf(left, sizeof(left), "%s%s%s", commands[i].words,
                     *commands[i].needed ? " " : "", commands[i].needed);
        for (p = left + strlen(commands[i].words); *p; p++) {
            *p = (char) toupper((unsigned char) *p);
        }
        fprintf(to, "  %s%*s %s\n", left, n < 34 ? 34 - n : 1, "",
                commands[i].help);
    }

    return to == stderr ? SC_CTL_USAGE : SC_CTL_OK;
}


/* --- requests ------------------------------------------------------------ */

/* One more word of a request; 0, or -1 when it does not fit one. */
static int
add_arg(char *request, const char *name, size_t name_n, const char *value)
{
    size_t n = strlen(request);
    int    more;

    for (const char *p = value; *p; p++) {
        if (*p <= ' ' || *p > '~') {
            return -1;
        }
    }

    more = snprintf(request + n, SC_ADMIN_REQUEST_MAX - n, " %.*s=%s",
                    (int) name_n, name, value);

    return more > 0 && n + (size_t) more < SC_ADMIN_REQUEST_MAX - 1 ? 0 : -1;
}


/* --name value, if the command knows that name. */
static int
add_option(const struct command *command, char *request, const char *word,
           const char *value)
{
    size_t      n;
    const char *at;

    if (strncmp(word, "--", 2) != 0 || value == NULL) {
        return -1;
    }

    for (at = command->options; *at; at += n + strspn(at + n, " ")) {
        n = strcspn(at, " ");
        if (strlen(word + 2) == n && strncmp(word + 2, at, n) == 0) {
            return add_arg(request, at, n, value);
        }
    }

    return -1;
}


/* The command line as a request; 0, or -1 when it is none. */
static int
request_of(const struct command *command, const struct sc_ctl *ctl,
           char *request)
{
    const char *needed = command->needed;
    size_t      n;
    int         i = 0;

    snprintf(request, SC_ADMIN_REQUEST_MAX, "%s", command->verb);

    for ( ; *needed; needed += n + strspn(needed + n, " ")) {
        n = strcspn(needed, " ");
        if (i == ctl->argc || strncmp(ctl->argv[i], "--", 2) == 0
            || add_arg(request, needed, n, ctl->argv[i++]) != 0)
        {
            return -1;
        }
    }

    for ( ; i < ctl->argc; i += 2) {
        if (add_option(command, request, ctl->argv[i],
                       i + 1 < ctl->argc ? ctl->argv[i + 1] : NULL) != 0)
        {
            return -1;
        }
    }

    return 0;
}


static void
on_row(json_t *line, void *data)
{
    sc_ctl_row(data, line);
}


static void
on_json(json_t *line, void *data)
{
    (void) data;

    sc_ctl_json(line);
}


static int
run_request(const struct command *command, const struct sc_ctl *ctl)
{
    struct sc_ctl_table table = { .columns = command->columns };
    char                request[SC_ADMIN_REQUEST_MAX];
    json_t             *last;

    if (request_of(command, ctl, request) != 0) {
        return SC_CTL_USAGE;
    }

    last = sc_ctl_ask(ctl, request, -1, ctl->json ? on_json : on_row, &table);
    if (last == NULL) {
        return SC_CTL_FAILED;
    }

    if (ctl->json) {
        sc_ctl_json(last);
    } else if (command->columns == AS_TEXT) {
        fputs(json_string_value(json_object_get(last, "text")), stdout);
    } else {
        sc_ctl_print(last);
    }

    json_decref(last);

    return SC_CTL_OK;
}


/* --- from words to a command --------------------------------------------- */

/* How many of the words make the command; 0: they do not. */
static int
matches(const struct command *command, int argc, char **argv)
{
    size_t n = strcspn(command->words, " ");

    if (argc < 1 || strlen(argv[0]) != n
        || strncmp(argv[0], command->words, n) != 0)
    {
        return 0;
    }

    if (command->words[n] == '\0') {
        return 1;
    }

    return argc > 1 && strcmp(argv[1], command->words + n + 1) == 0 ? 2 : 0;
}


static int
run(struct sc_ctl *ctl, int argc, char **argv)
{
    int words, rc;

    for (size_t i = 0; i < N_COMMANDS; i++) {
        words = matches(&commands[i], argc, argv);
        if (words == 0) {
            continue;
        }

        ctl->argc = argc - words;
        ctl->argv = argv + words;

        rc = commands[i].run ? commands[i].run(ctl)
                             : run_request(&commands[i], ctl);

        return rc == SC_CTL_USAGE ? usage(stderr) : rc;
    }

    if (argc > 0) {
        (void) sc_ctl_complain("there is no command %s%s%s", argv[0],
                               argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    }

    return usage(stderr);
}


int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 }
    };

    struct sc_ctl ctl = { .config = DEFAULT_CONFIG };
    int           option;

    /* Only in front of the command: what follows it is its own. */
    while ((option = getopt_long(argc, argv, "+c:s:jhV", options, NULL))
           != -1)
    {
        switch (option) {

        case 'c':
            ctl.config = optarg;
            break;

        case 's':
            ctl.socket = optarg;
            break;

        case 'j':
            ctl.json = 1;
            break;

        case 'h':
            return usage(stdout);

        case 'V':
            printf("sealchatctl %s\n", SC_VERSION);
            return SC_CTL_OK;

        default:
            return usage(stderr);
        }
    }

    if (sodium_init() < 0) {
        return sc_ctl_complain("libsodium does not start");
    }

    return run(&ctl, argc - optind, argv + optind);
}
