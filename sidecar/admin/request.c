/*
 * The parser of the admin socket's requests.  A pure function on a line: what
 * the words mean is the business of who asked for them.
 */

#include "request.h"

#include <string.h>


static int
name_ok(const char *name, size_t n)
{
    return n > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz_-") >= n;
}


static const char *
take_arg(struct sc_admin_request *request, char *word)
{
    char *equals = strchr(word, '=');

    if (equals == NULL || !name_ok(word, (size_t) (equals - word))) {
        return "A word after the first is not of the form name=value.";
    }

    *equals = '\0';

    if (sc_admin_arg(request, word)) {
        return "A name stands twice.";
    }

    if (request->n_args == SC_ADMIN_ARGS_MAX) {
        return "There are too many words.";
    }

    request->args[request->n_args].name = word;
    request->args[request->n_args].value = equals + 1;
    request->n_args++;

    return NULL;
}


const char *
sc_admin_request_parse(char *line, size_t n, struct sc_admin_request *request)
{
    const char *wrong = NULL;
    char       *space, *word = line;

    *request = (struct sc_admin_request) { .verb = line };

    if (n == 0 || line[n - 1] != '\n') {
        return "The request is no whole line.";
    }

    if (n > SC_ADMIN_REQUEST_MAX) {
        return "The request is too long.";
    }

    for (size_t i = 0; i < n - 1; i++) {
        if (line[i] < 0x20 || line[i] > 0x7e) {
            return "The request has other bytes than printable ASCII.";
        }
    }

    line[n - 1] = '\0';

    do {
        space = strchr(word, ' ');
        if (space) {
            *space = '\0';
        }

        if (word != line) {
            wrong = take_arg(request, word);
        } else if (!name_ok(word, strlen(word))) {
            wrong = "The first word is no verb.";
        }

        word = space ? space + 1 : NULL;
    } while (wrong == NULL && word);

    return wrong;
}


const char *
sc_admin_arg(const struct sc_admin_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_args; i++) {
        if (strcmp(request->args[i].name, name) == 0) {
            return request->args[i].value;
        }
    }

    return NULL;
}


int
sc_admin_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    unsigned digit;

    if (*text == '\0' || (*text == '0' && text[1] != '\0')) {
        return 0;
    }

    for ( ; *text; text++) {
        if (*text < '0' || *text > '9') {
            return 0;
        }

        digit = (unsigned) (*text - '0');
        if (n > (max - digit) / 10 || digit > max) {
            return 0;
        }

        n = n * 10 + digit;
    }

    *out = n;

    return 1;
}


int
sc_admin_hex(const char *text, uint8_t *out, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    const char *high, *low;

    if (strlen(text) != 2 * n) {
        return 0;
    }

    for (size_t i = 0; i < n; i++) {
        high = strchr(digits, text[2 * i]);
        low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL) {
            return 0;
        }

        out[i] = (uint8_t) ((high - digits) << 4 | (low - digits));
    }

    return 1;
}
