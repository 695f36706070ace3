/*
 * rotate: wraps go under the first key of a key file that came with the
 * request, step by step, while the service goes on.
 */

#include "commands.h"


void
sc_admin_rotate(struct sc_admin_exchange *exchange)
{
    struct sc_vault    *keys;
    struct sc_commit_op op = { .op = { .kind = SC_OP_RESEAL } };
    enum sc_error_code  code;
    json_int_t          resealed = 0;
    char                why[512];

    if (exchange->passed < 0) {
        sc_admin_fail(exchange, "bad-request",
                      "No file came with the request.");
        return;
    }

    keys = sc_vault_read(exchange->passed, "that came along", why,
                         sizeof(why));
    if (keys == NULL) {
        sc_admin_fail(exchange, "bad-request", "%s", why);
        return;
    }

    if (sc_vault_adopt(exchange->service->vault, keys) != 0) {
        sc_vault_free(keys);
        sc_admin_fail(exchange, "bad-request",
                      "The file lacks the key that is in use.");
        return;
    }

    sc_vault_free(keys);
    sc_log(SC_LOG_INFO, "vault: goes under another key");

    do {
        code = sc_admin_apply(exchange, &op, NULL, NULL);
        resealed += (json_int_t) op.op.reseal.resealed;
    } while (code == SC_E_NONE && !op.op.reseal.done
             && sc_admin_say(exchange, json_pack("{s:I}", "resealed",
                                                 resealed)) == 0);

    if (code != SC_E_NONE) {
        sc_admin_fail_code(exchange, code);
        return;
    }

    if (op.op.reseal.done) {
        sc_log(SC_LOG_INFO, "vault: %lld wraps lie under another key",
               (long long) resealed);
        sc_admin_ok(exchange, json_pack("{s:I}", "resealed", resealed));
    }
}
