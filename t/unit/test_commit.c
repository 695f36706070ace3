/*
 * The commit thread on a real loop and a real store: order, grouping,
 * back-pressure, failure, stop.
 */

#include "store_fixture.h"

#include <sys/wait.h>

#include "commit.h"

#define MANY  500u

struct world {
    struct fixture    *f;
    uv_loop_t          loop;
    struct sc_commit  *commit;
    struct chat        visitor;
    unsigned           done;     /* in the order of submission so far */
    unsigned           wanted;   /* stop the loop then */
    unsigned           rooms;
    unsigned           troubles;
    char               why[WHY];
    struct slot       *slots;
    int                resubmit;
};

struct slot {
    struct sc_commit_op own;
    struct message_op   message;
    struct world       *world;
    unsigned            number;
};

static void
on_room(void *data)
{
    struct world *world = data;

    world->rooms++;
    assert_false(sc_commit_full(world->commit));
}

static void
on_trouble(void *data, const char *why)
{
    struct world *world = data;

    world->troubles++;
    snprintf(world->why, sizeof(world->why), "%s", why);
}

static void
start(struct world *world, size_t max_ops, size_t max_bytes)
{
    struct sc_commit_options options = {
        .loop = &world->loop, .store = world->f->store,
        .max_ops = max_ops, .max_bytes = max_bytes,
        .room = on_room, .trouble = on_trouble, .data = world
    };

    world->commit = sc_commit_start(&options);
    assert_non_null(world->commit);
}

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    void         *fixture = NULL;

    if (fixture_setup(&fixture) != 0) {
        return -1;
    }

    world->f = fixture;
    world->slots = calloc(MANY, sizeof(world->slots[0]));
    uv_loop_init(&world->loop);
    chat_init(&world->visitor, register_customer(world->f, 1), 1, 0);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;
    void         *fixture = world->f;

    if (world->commit != NULL) {
        sc_commit_stop(world->commit);
    }
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world->slots);
    free(world);
    return fixture_teardown(&fixture);
}

static void
on_done(struct sc_commit_op *own)
{
    struct slot  *slot = own->data;
    struct world *world = slot->world;

    assert_int_equal(slot->number, world->done);
    assert_ptr_equal(own, &slot->own);
    world->done++;

    if (world->resubmit) {
        struct slot *next = &world->slots[slot->number + 1];

        assert_int_equal(own->op.error, SC_E_NONE);
        if (world->done < world->wanted) {
            assert_int_equal(sc_commit_submit(world->commit, &next->own), 0);
        }
    }

    if (world->done == world->wanted) {
        uv_stop(&world->loop);
    }
}

/* The visitor's next n messages, in slots from 0 on. */
static void
prepare(struct world *world, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        struct slot *slot = &world->slots[i];

        message_op(&slot->message, &world->visitor);
        chat_sent(&world->visitor, &slot->message);
        slot->own.op = slot->message.op;
        slot->own.done = on_done;
        slot->own.data = slot;
        slot->world = world;
        slot->number = i;
    }

    world->wanted = n;
}

static void
submit_all(struct world *world, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        assert_int_equal(sc_commit_submit(world->commit,
                                          &world->slots[i].own), 0);
    }
    assert_int_equal(world->done, 0);
}

static void
assert_all_stored(struct world *world, unsigned n)
{
    struct sc_customer customer;
    unsigned           i;

    assert_int_equal(world->done, n);
    for (i = 0; i < n; i++) {
        assert_int_equal(world->slots[i].own.op.error, SC_E_NONE);
        assert_int_equal(world->slots[i].own.op.append.position, i + 1);
    }
    assert_int_equal(sc_store_customer(world->f->store, name_of('c', 1),
                                       &customer), 1);
    assert_int_equal(customer.head, n);
}

static void
test_grouped(void **state)
{
    struct world             *world = *state;
    struct sc_commit_counters counters;

    start(world, 0, 0);
    prepare(world, MANY);
    submit_all(world, MANY);

    sc_commit_counters(world->commit, &counters);
    assert_int_equal(counters.queued_ops, MANY);
    assert_true(counters.queued_bytes > MANY * ENVELOPE);

    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_all_stored(world, MANY);

    sc_commit_counters(world->commit, &counters);
    assert_int_equal(counters.ops, MANY);
    assert_int_equal(counters.commits, 1);
    assert_int_equal(counters.ops_max, MANY);
    assert_int_equal(counters.failed, 0);
    assert_true(counters.ns >= counters.ns_max && counters.ns_max > 0);
    assert_int_equal(counters.queued_ops, 0);
    assert_int_equal(counters.queued_bytes, 0);
    assert_int_equal(world->troubles, 0);
}

static void
test_submit_from_done(void **state)
{
    struct world             *world = *state;
    struct sc_commit_counters counters;

    start(world, 0, 0);
    prepare(world, 50);
    world->resubmit = 1;
    assert_int_equal(sc_commit_submit(world->commit, &world->slots[0].own),
                     0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_all_stored(world, 50);

    sc_commit_counters(world->commit, &counters);
    assert_int_equal(counters.commits, 50);
    assert_int_equal(counters.ops_max, 1);
}

static void
test_room(void **state)
{
    struct world *world = *state;
    unsigned      i;

    start(world, 8, 0);
    prepare(world, 20);
    for (i = 0; i < 20; i++) {
        assert_int_equal(sc_commit_full(world->commit), i >= 8);
        assert_int_equal(sc_commit_submit(world->commit,
                                          &world->slots[i].own), 0);
    }
    assert_int_equal(world->rooms, 0);

    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_all_stored(world, 20);
    assert_int_equal(world->rooms, 1);
    assert_false(sc_commit_full(world->commit));
}

static void
test_room_in_bytes(void **state)
{
    struct world *world = *state;

    start(world, 0, 5 * ENVELOPE);
    prepare(world, 6);
    submit_all(world, 3);
    assert_false(sc_commit_full(world->commit));
    assert_int_equal(sc_commit_submit(world->commit, &world->slots[3].own),
                     0);
    assert_true(sc_commit_full(world->commit));
    world->wanted = 4;
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_false(sc_commit_full(world->commit));
    assert_int_equal(world->rooms, 1);
}

/* A stop with a full queue, and not one turn of the loop before it. */
static void
test_stop_finishes(void **state)
{
    struct world *world = *state;

    start(world, 0, 0);
    prepare(world, MANY);
    submit_all(world, MANY - 1);
    sc_commit_stop(world->commit);
    assert_int_equal(sc_commit_submit(world->commit,
                                      &world->slots[MANY - 1].own), -1);
    world->commit = NULL;
    assert_all_stored(world, MANY - 1);

    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->done, MANY - 1);
}

static void
test_stop_idle(void **state)
{
    struct world *world = *state;

    start(world, 0, 0);
    sc_commit_stop(world->commit);
    world->commit = NULL;
    assert_int_equal(world->done, 0);
}

/* A store that is full says so, to each operation and once to the log. */
static void
test_trouble(void **state)
{
    struct world             *world = *state;
    struct sc_commit_counters counters;
    unsigned                  i, full = 0;

    sc_store_close(world->f->store);
    world->f->options.map_size = 256 * 1024;
    fixture_open(world->f);

    start(world, 0, 0);
    prepare(world, MANY);
    submit_all(world, MANY);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->done, MANY);

    for (i = 0; i < MANY; i++) {
        full += world->slots[i].own.op.error == SC_E_STORAGE_FULL;
    }
    assert_true(full > 0);
    assert_int_equal(world->troubles, 1);
    assert_non_null(strstr(world->why, "no room for messages"));
    sc_commit_counters(world->commit, &counters);
    assert_int_equal(counters.failed, 0);
}

static void
on_cursor_done(struct sc_commit_op *own)
{
    assert_int_equal(own->op.error, SC_E_NONE);
}

static void
on_timer(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* The child: a cursor, some idle time, and an end without a close. */
static void
idle_child(struct world *world, const uint8_t key[32])
{
    struct sc_commit_op own = { .done = on_cursor_done };
    uv_timer_t          timer;

    fixture_open(world->f);
    uv_loop_init(&world->loop);
    start(world, 0, 0);

    own.op.kind = SC_OP_CURSOR;
    own.op.cursor.customer = world->visitor.customer;
    own.op.cursor.id = key;
    own.op.cursor.position = 1;
    assert_int_equal(sc_commit_submit(world->commit, &own), 0);

    uv_timer_init(&world->loop, &timer);
    uv_timer_start(&timer, on_timer, 1500, 0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    _exit(own.op.error == SC_E_NONE ? 0 : 1);
}

static void
test_idle_cursor(void **state)
{
    struct world *world = *state;
    uint8_t       key[32];
    uint64_t      position;
    int           status;
    pid_t         child;

    memcpy(key, name_of('d', 7), 32);
    (void) send_next(world->f, &world->visitor);
    sc_store_close(world->f->store);
    world->f->store = NULL;

    child = fork();
    if (child == 0) {
        idle_child(world, key);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    fixture_open(world->f);
    assert_int_equal(sc_store_cursor(world->f->store, world->visitor.customer,
                                     key, &position), 0);
    assert_int_equal(position, 1);
}

#define COMMIT_TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        COMMIT_TEST(test_grouped),
        COMMIT_TEST(test_submit_from_done),
        COMMIT_TEST(test_room),
        COMMIT_TEST(test_room_in_bytes),
        COMMIT_TEST(test_stop_finishes),
        COMMIT_TEST(test_stop_idle),
        COMMIT_TEST(test_trouble),
        COMMIT_TEST(test_idle_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
