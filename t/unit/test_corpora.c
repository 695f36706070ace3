/*
 * The fuzz targets on their corpora, without the fuzzer: what was once found
 * stays found.
 */

#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LLVMFuzzerTestOneInput fuzz_record
#include "../fuzz/record.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_frame
#include "../fuzz/frame.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_layout
#include "../fuzz/layout.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_ws_frame
#include "../fuzz/ws_frame.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_config
#include "../fuzz/config.c"
#undef LLVMFuzzerTestOneInput

#define INPUT_MAX  (1u << 20)

/* In memory of exactly its size, so that the sanitizer sees its end. */
static void
run_file(const char *path, int (*target)(const uint8_t *, size_t))
{
    static uint8_t all[INPUT_MAX];
    uint8_t       *input;
    FILE          *file = fopen(path, "rb");
    size_t         n;

    assert_non_null(file);
    n = fread(all, 1, sizeof(all), file);
    assert_true(n < sizeof(all));
    fclose(file);

    input = malloc(n ? n : 1);
    assert_non_null(input);
    memcpy(input, all, n);
    assert_int_equal(target(input, n), 0);
    free(input);
}

static void
run_corpus(const char *name, int (*target)(const uint8_t *, size_t))
{
    const struct dirent *entry;
    char                 path[512];
    unsigned             n = 0;
    DIR                 *dir;

    snprintf(path, sizeof(path), "t/fuzz/corpus/%s", name);
    dir = opendir(path);
    assert_non_null(dir);

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "t/fuzz/corpus/%s/%s", name,
                     entry->d_name);
            run_file(path, target);
            n++;
        }
    }

    closedir(dir);
    assert_true(n > 0);
}

#define CORPUS(name)                                                          \
    static void                                                               \
    test_##name(void **state)                                                 \
    {                                                                         \
        (void) state;                                                         \
        run_corpus(#name, fuzz_##name);                                       \
    }
CORPUS(record)
CORPUS(frame)
CORPUS(layout)
CORPUS(ws_frame)
CORPUS(config)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_ws_frame),
        cmocka_unit_test(test_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
