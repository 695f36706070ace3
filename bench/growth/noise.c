/*
 * What goes on in a service beside accepting: a device that is far behind
 * reads all it can, backups are made one after the other, and sessions are
 * deleted, whose messages then leave the store in steps.
 */

#include "world.h"

#include <sys/mman.h>
#include <sys/stat.h>

#define NOISES  3u

static pid_t noises[NOISES];     /* by bit */

struct noise_done *noise_done;

/* Each time the next ones, whose cursors are at their beginnings: the first
 * device has read some before. */
static void
read_all_shops(struct side *side, struct shop *shops, size_t n)
{
    while (noise_done->shops < n * (DEVICES_MAX - 1)) {
        struct shop *shop = &shops[noise_done->shops % n];

        shop->with = 1 + (unsigned) (noise_done->shops++ / n);
        (void) shop_catch_up(side, shop);
        noise_done->read += shop->position;
    }
}

/* Of a copy, whole or not: counted, and away with it. */
static void
drop_copy(const char *folder)
{
    static const char *const files[] = { "store.mdb", "manifest.json" };

    struct stat st;
    char        file[128];

    for (size_t i = 0; i < 2; i++) {
        snprintf(file, sizeof(file), "%s/%s", folder, files[i]);
        if (stat(file, &st) == 0) {
            noise_done->copied += (uint64_t) st.st_size;
        }
        unlink(file);
    }
    rmdir(folder);
}

static void
copy_again(const struct side *side)
{
    char  to[96];
    pid_t pid;
    int   status;

    snprintf(to, sizeof(to), "%s/copy", side->daemon.dir);

    for ( ;; ) {
        pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (freopen("/dev/null", "w", stdout) == NULL) {
                _exit(126);
            }
            execl("build/sealchatctl", "sealchatctl", "-c", side->daemon.conf,
                  "backup", to, (char *) NULL);
            _exit(127);
        }

        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            die("the backup failed");
        }

        drop_copy(to);
        noise_done->copies++;
    }
}

/* The daemon breaks a copy off that nobody waits for. */
static void
end_copies(const struct side *side)
{
    char to[96];

    snprintf(to, sizeof(to), "%s/copy.partial", side->daemon.dir);
    drop_copy(to);
    snprintf(to, sizeof(to), "%s/copy", side->daemon.dir);
    drop_copy(to);
}

static void
on_remover(struct stream *stream, const struct sc_frame *frame)
{
    struct shop *shop = (struct shop *) (void *)
                        ((char *) stream - offsetof(struct shop, device));

    if (frame->type == SC_FRAME_DONE) {
        noise_done->deleted++;
    } else {
        shop_on_device(shop, frame);
    }
}

static void
delete_all(struct side *side, struct session **doomed, size_t n)
{
    unsigned long done;

    while (noise_done->deleted < n) {
        struct session *s = doomed[noise_done->deleted];
        size_t          ready = side->ready;

        stream_open(&s->shop->device, side, s->shop->owner.cid, on_remover);
        while (side->ready == ready) {
            side_turn(side, 1000);
        }

        done = noise_done->deleted;
        TELL(&s->shop->device, 3, delete, .sid = s->visitor.sid);
        while (noise_done->deleted == done) {
            side_turn(side, 1000);
        }
        stream_close(&s->shop->device);
    }
}

static void
play(const struct noise *noise, unsigned which)
{
    if (which == NOISE_BACKUP) {
        copy_again(noise->side);
    }

    side_link(noise->side);
    if (which == NOISE_READER) {
        read_all_shops(noise->side, noise->behind, noise->n_behind);
    } else {
        delete_all(noise->side, noise->doomed, noise->n_doomed);
    }

    fprintf(stderr, "growth: %s was left before the end: give it more "
            "messages\n", which == NOISE_READER ? "nothing to read"
                                                : "no session to delete");
    for ( ;; ) {
        pause();
    }
}

void
noise_start(const struct noise *noise, unsigned started)
{
    if (noise_done == NULL) {
        noise_done = mmap(NULL, sizeof(*noise_done), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (noise_done == MAP_FAILED) {
            die("no memory");
        }
    }

    for (unsigned i = 0; i < NOISES; i++) {
        if (!(started & 1u << i)) {
            continue;
        }

        noises[i] = fork();
        if (noises[i] < 0) {
            die("could not start a process");
        }
        if (noises[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            play(noise, 1u << i);
        }
    }
}

void
noise_stop(const struct noise *noise)
{
    int status;

    for (unsigned i = 0; i < NOISES; i++) {
        if (noises[i] == 0) {
            continue;
        }

        kill(noises[i], SIGKILL);
        if (waitpid(noises[i], &status, 0) != noises[i]
            || !WIFSIGNALED(status))
        {
            die("what went on beside has failed");
        }
        noises[i] = 0;
        if (1u << i == NOISE_BACKUP) {
            end_copies(noise->side);
        }
    }
}
