/*
 * A fuzz target on its corpus, without the fuzzer: what was once found stays
 * found.  The corpus is that of the program's own name.
 */

#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

#define INPUT_MAX  (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* In memory of exactly its size, so that the sanitizer sees its end. */
static void
run_file(const char *path)
{
    static uint8_t all[INPUT_MAX];
    uint8_t       *input;
    FILE          *file = fopen(path, "rb");
    size_t         n;

    MUST(file != NULL);
    n = fread(all, 1, sizeof(all), file);
    MUST(n < sizeof(all));
    fclose(file);

    input = malloc(n ? n : 1);
    MUST(input != NULL);
    memcpy(input, all, n);
    MUST(LLVMFuzzerTestOneInput(input, n) == 0);
    free(input);
}

int
main(void)
{
    const struct dirent *entry;
    const char          *name = program_invocation_short_name;
    char                 path[512];
    unsigned             n = 0;
    DIR                 *dir;

    snprintf(path, sizeof(path), "t/fuzz/corpus/%s", name);
    dir = opendir(path);
    MUST(dir != NULL);

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "t/fuzz/corpus/%s/%s", name,
                     entry->d_name);
            run_file(path);
            n++;
        }
    }

    closedir(dir);
    MUST(n > 0);
    printf("ok 1 - %s: %u inputs\n1..1\n", name, n);
    return 0;
}
