/*
 * From a request to the function that answers it.
 */

#include "commands.h"

#include <string.h>

static const struct {
    const char  *verb;
    void       (*run)(struct sc_admin_exchange *exchange);
    const char  *names;
} commands[] = {
#define ROW(verb, function, names) { verb, sc_admin_##function, names },
    SC_ADMIN_COMMANDS(ROW)
#undef ROW
};


/* Whether name is one of the words. */
static int
is_word_of(const char *words, const char *name)
{
    size_t n = strlen(name);

    for ( ; *words; words += strspn(words, " ")) {
        if (strcspn(words, " ") == n && strncmp(words, name, n) == 0) {
            return 1;
        }
        words += strcspn(words, " ");
    }

    return 0;
}


void
sc_admin_answer(struct sc_admin_exchange *exchange)
{
    const struct sc_admin_request *request = &exchange->request;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].verb, request->verb) != 0) {
            continue;
        }

        for (size_t k = 0; k < request->n_args; k++) {
            if (!is_word_of(commands[i].names, request->args[k].name)) {
                sc_admin_fail(exchange, "bad-request",
                              "%s knows no %s.", request->verb,
                              request->args[k].name);
                return;
            }
        }

        commands[i].run(exchange);
        return;
    }

    sc_admin_fail(exchange, "bad-request", "There is no command %s.",
                  request->verb);
}
