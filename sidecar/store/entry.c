/*
 * Codecs of the log's entries and the sessions' rows.  Touches no database,
 * no lock and no other state than what it is given.
 */

#include "entry.h"

#include <stdlib.h>
#include <string.h>

#include <sealchat/wire.h>

#define ENTRY_FIXED  (1u + 8u * 8u + 3u * 32u + 2u)
#define ROW_FIXED    (6u * 8u + 4u)
#define SENDER_BYTES (32u + 32u + 8u)

size_t
sc_entry_size(const struct sc_entry *entry)
{
    return ENTRY_FIXED + entry->hello.n + entry->envelope.n;
}

void
sc_entry_write(uint8_t *out, const struct sc_entry *entry)
{
    struct sc_writer w = sc_writer_of(out, sc_entry_size(entry));

    sc_put_uint(&w, 0, 1);
    sc_put_uint(&w, entry->position, 8);
    sc_put_uint(&w, entry->time, 8);
    sc_put_uint(&w, entry->stamp, 8);
    sc_put_uint(&w, entry->customer, 8);
    sc_put_uint(&w, entry->ordinal, 8);
    sc_put_uint(&w, entry->prev, 8);
    sc_put_uint(&w, entry->skip, 8);
    sc_put_uint(&w, entry->seq, 8);
    sc_put_bytes(&w, entry->sid, 32);
    sc_put_bytes(&w, entry->signkey_id, 32);
    sc_put_bytes(&w, entry->id, 32);
    sc_put_uint(&w, entry->hello.n, 2);
    sc_put_bytes(&w, entry->hello.p, entry->hello.n);
    sc_put_bytes(&w, entry->envelope.p, entry->envelope.n);
}

int
sc_entry_read(struct sc_bytes bytes, struct sc_entry *entry)
{
    struct sc_reader r = sc_reader_of(bytes.p, bytes.n);

    if (sc_get_u8(&r) != 0) {
        return 0;
    }

    entry->position = sc_get_u64(&r);
    entry->time = sc_get_u64(&r);
    entry->stamp = sc_get_u64(&r);
    entry->customer = sc_get_u64(&r);
    entry->ordinal = sc_get_u64(&r);
    entry->prev = sc_get_u64(&r);
    entry->skip = sc_get_u64(&r);
    entry->seq = sc_get_u64(&r);
    entry->sid = sc_get_bytes(&r, 32);
    entry->signkey_id = sc_get_bytes(&r, 32);
    entry->id = sc_get_bytes(&r, 32);
    entry->hello.n = sc_get_u16(&r);
    entry->hello.p = sc_get_bytes(&r, entry->hello.n);
    entry->envelope.n = sc_reader_left(&r);
    entry->envelope.p = sc_get_bytes(&r, entry->envelope.n);

    return sc_reader_done(&r);
}


/* --- the state of a session ---------------------------------------------- */

static struct sc_session_state *
state_with_room(size_t room)
{
    struct sc_session_state *state;

    state = calloc(1, sizeof(*state) + room * sizeof(state->senders[0]));
    if (state != NULL) {
        state->room = room;
    }

    return state;
}

struct sc_session_state *
sc_session_state_copy(const struct sc_session_state *state)
{
    size_t                   n = state == NULL ? 0 : state->n;
    struct sc_session_state *copy = state_with_room(n + 1);

    if (copy != NULL && state != NULL) {
        memcpy(copy, state,
               sizeof(*state) + n * sizeof(state->senders[0]));
        copy->room = n + 1;
    }

    return copy;
}

const struct sc_sender *
sc_session_state_sender(const struct sc_session_state *state,
                        const uint8_t signkey_id[32])
{
    size_t i;

    for (i = 0; i < state->n; i++) {
        if (memcmp(state->senders[i].signkey_id, signkey_id, 32) == 0) {
            return &state->senders[i];
        }
    }

    return NULL;
}

void
sc_session_state_append(struct sc_session_state *state,
                        const struct sc_entry *entry, uint64_t place)
{
    size_t i = 0;

    state->ordinal = entry->ordinal;
    state->place = place;
    state->position = entry->position;
    state->time = entry->time;
    state->bytes += sc_entry_bytes(entry);
    if (entry->ordinal % SC_SKIP_STEP == 0) {
        state->skip = place;
    }

    while (i < state->n
           && memcmp(state->senders[i].signkey_id, entry->signkey_id, 32)
              != 0)
    {
        i++;
    }

    if (i == state->n) {
        memcpy(state->senders[i].signkey_id, entry->signkey_id, 32);
        state->n++;
    }

    memcpy(state->senders[i].id, entry->id, 32);
    state->senders[i].seq = entry->seq;
}

size_t
sc_session_row_size(const struct sc_session_state *state)
{
    return ROW_FIXED + state->n * SENDER_BYTES;
}

void
sc_session_row_write(uint8_t *out, const struct sc_session_state *state)
{
    struct sc_writer w = sc_writer_of(out, sc_session_row_size(state));
    size_t           i;

    sc_put_uint(&w, state->ordinal, 8);
    sc_put_uint(&w, state->place, 8);
    sc_put_uint(&w, state->position, 8);
    sc_put_uint(&w, state->time, 8);
    sc_put_uint(&w, state->skip, 8);
    sc_put_uint(&w, state->bytes, 8);
    sc_put_uint(&w, state->n, 4);

    for (i = 0; i < state->n; i++) {
        sc_put_bytes(&w, state->senders[i].signkey_id, 32);
        sc_put_bytes(&w, state->senders[i].id, 32);
        sc_put_uint(&w, state->senders[i].seq, 8);
    }
}

struct sc_session_state *
sc_session_row_read(struct sc_bytes bytes)
{
    struct sc_reader         r = sc_reader_of(bytes.p, bytes.n);
    struct sc_session_state  head = { 0 };
    struct sc_session_state *state;
    size_t                   i;

    head.ordinal = sc_get_u64(&r);
    head.place = sc_get_u64(&r);
    head.position = sc_get_u64(&r);
    head.time = sc_get_u64(&r);
    head.skip = sc_get_u64(&r);
    head.bytes = sc_get_u64(&r);
    head.n = head.room = sc_get_u32(&r);

    if (r.bad || sc_reader_left(&r) != head.n * SENDER_BYTES) {
        return NULL;
    }

    state = state_with_room(head.room);
    if (state == NULL) {
        return NULL;
    }

    *state = head;
    for (i = 0; i < head.n; i++) {
        memcpy(state->senders[i].signkey_id, sc_get_bytes(&r, 32), 32);
        memcpy(state->senders[i].id, sc_get_bytes(&r, 32), 32);
        state->senders[i].seq = sc_get_u64(&r);
    }

    return state;
}
