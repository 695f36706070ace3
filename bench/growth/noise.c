/*
 * What goes on in a service beside accepting: a device that is far behind
 * reads all it can, backups are made one after the other, and sessions are
 * deleted, whose messages then leave the store in steps as expired ones do.
 */

#include "world.h"

#include <sys/mman.h>

#define NOISES  3u

static pid_t         noises[NOISES];     /* by bit */
static volatile int *stopping;           /* shared */

struct noise_done *noise_done;

static void
read_all_shops(struct side *side, struct shop *shops, size_t n)
{
    /* Each time the next ones, whose cursors are at their beginnings. */
    while (noise_done->shops < n) {
        struct shop *shop = &shops[noise_done->shops++];

        (void) shop_catch_up(side, shop);
        noise_done->read += shop->position;
    }
}

static void
copy_once(const struct side *side)
{
    static const char *const files[] = { "store.mdb", "manifest.json" };

    char  to[96], file[128];
    pid_t pid;
    int   status;

    snprintf(to, sizeof(to), "%s/copy", side->daemon.dir);

    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
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

    for (size_t i = 0; i < 2; i++) {
        snprintf(file, sizeof(file), "%s/%s", to, files[i]);
        unlink(file);
    }
    rmdir(to);
}

static void
copy_again(const struct side *side)
{
    while (!*stopping) {
        copy_once(side);
        noise_done->copies++;
    }
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
play(unsigned noise, struct side *side, struct shop *shops, size_t n_shops,
     struct session **doomed, size_t n_doomed)
{
    if (noise == NOISE_BACKUP) {
        copy_again(side);
        return;
    }

    side_link(side);
    if (noise == NOISE_READER) {
        read_all_shops(side, shops, n_shops);
    } else {
        delete_all(side, doomed, n_doomed);
    }
    pause();
}

void
noise_start(unsigned started, struct side *side, struct shop *shops,
            size_t n_shops, struct session **doomed, size_t n_doomed)
{
    if (noise_done == NULL) {
        noise_done = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (noise_done == MAP_FAILED) {
            die("no memory");
        }
        stopping = (volatile int *) (noise_done + 1);
    }

    *stopping = 0;

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
            play(1u << i, side, shops, n_shops, doomed, n_doomed);
            _exit(0);
        }
    }
}

/* A backup is let come to its end, so that nothing is left of it. */
void
noise_stop(void)
{
    int status;

    *stopping = 1;

    for (unsigned i = 0; i < NOISES; i++) {
        if (noises[i] == 0) {
            continue;
        }
        if (1u << i != NOISE_BACKUP) {
            kill(noises[i], SIGKILL);
        }
        if (waitpid(noises[i], &status, 0) != noises[i]
            || (1u << i == NOISE_BACKUP && status != 0))
        {
            die("what went on beside has failed");
        }
        noises[i] = 0;
    }
}
