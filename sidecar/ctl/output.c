/*
 * What sealchatctl prints, for people and for programs.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define VALUE_BYTES  512


static int
ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && strcmp(name + n - k, end) == 0;
}


static void
size_text(char *to, size_t n, json_int_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };

    double   value = (double) bytes;
    unsigned i = 0;

    while (value >= 1024 && i < 4) {
        value /= 1024;
        i++;
    }

    snprintf(to, n, i ? "%.1f %s" : "%.0f %s", value, units[i]);
}


static void
date_text(char *to, size_t n, json_int_t ms)
{
    time_t    seconds = (time_t) (ms / 1000);
    struct tm tm;

    if (ms == 0 || gmtime_r(&seconds, &tm) == NULL) {
        snprintf(to, n, "-");
        return;
    }

    strftime(to, n, "%Y-%m-%dT%H:%M:%SZ", &tm);
}


static void
value_text(char *to, size_t n, const char *name, const json_t *value)
{
    char *text;

    if (json_is_string(value)) {
        snprintf(to, n, "%s", json_string_value(value));
    } else if (json_is_integer(value) && ends_in(name, "_bytes")) {
        size_text(to, n, json_integer_value(value));
    } else if (json_is_integer(value) && ends_in(name, "_ms")) {
        date_text(to, n, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(to, n, json_is_true(value) ? "yes" : "no");
    } else if (json_is_null(value) || value == NULL) {
        snprintf(to, n, "-");
    } else {
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        snprintf(to, n, "%s", text ? text : "");
        free(text);
    }
}


/* What a name stands for is in its value, then. */
static void
name_text(char *to, size_t n, const char *prefix, const char *name)
{
    snprintf(to, n, "%s%s%s", prefix, *prefix ? "." : "", name);

    n = strlen(to);
    if (ends_in(to, "_bytes")) {
        to[n - 6] = '\0';
    } else if (ends_in(to, "_ms")) {
        to[n - 3] = '\0';
    }
}


static void
print_under(const char *prefix, json_t *object)
{
    const char *key;
    json_t     *value;
    char        name[128], text[VALUE_BYTES];

    json_object_foreach(object, key, value) {
        if (strcmp(key, "end") == 0) {
            continue;
        }

        name_text(name, sizeof(name), prefix, key);

        if (json_is_object(value)) {
            print_under(name, value);
            continue;
        }

        value_text(text, sizeof(text), key, value);
        printf("%-28s %s\n", name, text);
    }
}


void
sc_ctl_print(json_t *object)
{
    print_under("", object);
}


void
sc_ctl_row(struct sc_ctl_table *table, json_t *row)
{
    const char *at;
    char        column[64], name[64], text[VALUE_BYTES];
    size_t      n;

    for (int heading = table->rows == 0; heading >= 0; heading--) {
        for (at = table->columns; *at; at += n + strspn(at + n, " ")) {
            n = strcspn(at, " ");
            snprintf(column, sizeof(column), "%.*s", (int) n, at);
            name_text(name, sizeof(name), "", column);
            value_text(text, sizeof(text), column,
                       json_object_get(row, column));
            printf("%-*s ", ends_in(column, "_ms") ? 20
                            : strstr(" cid sid device name ", column)
                              ? 43 : 12,
                   heading ? name : text);
        }
        printf("\n");
    }

    table->rows++;
}


void
sc_ctl_json(json_t *line)
{
    (void) json_dumpf(line, stdout, JSON_COMPACT);
    printf("\n");
}


void
sc_ctl_progress(const char *doing, double done, double all)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%s: %3.0f %%", doing,
                all > 0 ? 100 * done / all : 100);
    }
}


void
sc_ctl_progress_end(void)
{
    if (isatty(STDERR_FILENO)) {
        fputs("\n", stderr);
    }
}
