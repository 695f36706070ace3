/* Requests on the admin socket: the input is a line. */

#include "admin/request.h"
#include "fuzz.h"

static void
admin_holds(const struct sc_admin_request *request)
{
    touch(request->verb, strlen(request->verb));
    MUST(request->n_args <= SC_ADMIN_ARGS_MAX);

    for (size_t i = 0; i < request->n_args; i++) {
        const char *name = request->args[i].name;
        const char *value = request->args[i].value;
        uint64_t    number;
        uint8_t     id[16];

        touch(value, strlen(value));
        MUST(sc_admin_arg(request, name) == value);

        if (sc_admin_number(value, 65535, &number)) {
            MUST(number <= 65535);
        }
        (void) sc_admin_hex(value, id, sizeof(id));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sc_admin_request request;
    char                   *line = malloc(n ? n : 1);
    const char             *wrong;

    MUST(line != NULL);
    memcpy(line, bytes, n);
    wrong = sc_admin_request_parse(line, n, &request);

    if (wrong == NULL) {
        MUST(n <= SC_ADMIN_REQUEST_MAX);
        admin_holds(&request);
    } else {
        touch(wrong, strlen(wrong));
    }

    free(line);
    return 0;
}
