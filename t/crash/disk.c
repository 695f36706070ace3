/*
 * Takes from the store's file what was written and not synced, with the help
 * of what libunsynced.c noted.
 */

#include "world.h"

#include <fcntl.h>

#include "undo.h"

struct entry {
    struct undo    undo;
    const uint8_t *bytes;
};

/* Whole entries; what the process died within was not written. */
static size_t
entries_of(const uint8_t *p, size_t n, struct entry *entries)
{
    size_t count = 0, at = 0;

    while (n - at >= sizeof(struct undo)) {
        struct entry *e = &entries[count];

        memcpy(&e->undo, p + at, sizeof(e->undo));
        if (n - at - sizeof(e->undo) < e->undo.n) {
            break;
        }
        e->bytes = p + at + sizeof(e->undo);
        at += sizeof(e->undo) + e->undo.n;
        count++;
    }

    return count;
}

/* The same answer for a block whatever wrote to it. */
static int
falls(uint64_t block, int all, uint64_t salt)
{
    uint64_t x = (block + salt) * 0x9e3779b97f4a7c15ull;

    return all || (x >> 40 & 1);
}

static void
put_back(int fd, const struct entry *e, int all, uint64_t salt)
{
    for (uint64_t done = 0; done < e->undo.n; ) {
        uint64_t at = e->undo.at + done;
        uint64_t n = UNDO_BLOCK - at % UNDO_BLOCK;

        n = n < e->undo.n - done ? n : e->undo.n - done;
        if (falls(at / UNDO_BLOCK, all, salt)) {
            assert_int_equal(pwrite(fd, e->bytes + done, n, (off_t) at), n);
            W.reverted++;
        }
        done += n;
    }
}

void
disk_revert(const char *file, int all)
{
    struct entry *entries;
    char          path[256];
    uint8_t      *p;
    size_t        count, i;
    struct stat   st;
    uint64_t      salt = chance(1ull << 40);
    int           undo, fd;

    snprintf(path, sizeof(path), "%s.undo", file);
    undo = open(path, O_RDWR);
    if (undo < 0) {
        return;
    }

    assert_int_equal(fstat(undo, &st), 0);
    p = malloc((size_t) st.st_size + 1);
    entries = malloc(((size_t) st.st_size / sizeof(struct undo) + 1)
                     * sizeof(entries[0]));
    assert_true(p && entries);
    assert_int_equal(read(undo, p, (size_t) st.st_size), st.st_size);
    count = entries_of(p, (size_t) st.st_size, entries);
    fd = open(file, O_RDWR);
    assert_true(fd >= 0);

    /* Backwards, so that the oldest bytes of a block stand at the end. */
    for (i = count; i-- > 0; ) {
        if (!entries[i].undo.synced) {
            put_back(fd, &entries[i], all, salt);
        }
    }
    if (count && all) {
        assert_int_equal(ftruncate(fd, (off_t) entries[0].undo.size), 0);
    }
    for (i = 0; i < count; i++) {
        const struct entry *e = &entries[i];

        if (e->undo.synced) {
            assert_int_equal(pwrite(fd, e->bytes, e->undo.n,
                                    (off_t) e->undo.at), e->undo.n);
        }
    }

    assert_int_equal(ftruncate(undo, 0), 0);
    close(fd);
    close(undo);
    free(entries);
    free(p);
}
