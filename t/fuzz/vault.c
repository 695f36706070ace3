/* The vault's key file: the input is its text. */

#include <sodium.h>

#include "fuzz.h"
#include "vault.h"

static void
vault_holds(struct sc_vault *vault)
{
    uint8_t id[SC_VAULT_ID_BYTES], sealed[4 + SC_VAULT_OVERHEAD], out[4];

    MUST(sc_vault_n_keys(vault) > 0);
    MUST(sc_vault_n_keys(vault) <= SC_VAULT_KEYS_MAX);
    sc_vault_present(vault, id);
    MUST(sc_vault_knows(vault, id));

    sc_vault_seal(vault, "row", 3, (const uint8_t *) "wrap", 4, sealed);
    MUST(sc_vault_unseal(vault, "row", 3, sealed, sizeof(sealed), out) == 0);
    MUST(memcmp(out, "wrap", 4) == 0);
    MUST(sc_vault_unseal(vault, "rov", 3, sealed, sizeof(sealed), out) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char             why[128] = "";
    struct sc_vault *vault;

    MUST(sodium_init() >= 0);
    vault = sc_vault_parse((const char *) bytes, n, why, sizeof(why));

    if (vault) {
        vault_holds(vault);
        sc_vault_free(vault);
    } else {
        MUST(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
    }

    return 0;
}
