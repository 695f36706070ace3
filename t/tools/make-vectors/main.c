/*
 * Wrote the shared vectors of layouts, ids and signatures: valid things, and
 * for each rule one that breaks it.  The files are frozen; C and TypeScript
 * verify them.  This tool never overwrites one.
 *
 *     make-vectors dir
 *
 * An entry that is not valid says in "fails" which step refuses it: "parse"
 * (layout and limits), "verify" (signature and derived ids), or the name of an
 * error.  "reason" is for people.
 */


#include "vectors.h"

struct sample_world world;
uint8_t             buf[SC_FRAME_MAX + 16];

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: make-vectors dir\n", stderr);
        return 2;
    }

    if (sodium_init() < 0) {
        return 1;
    }

    dir = argv[1];
    sample_world(&world);
    frames();
    rosters();
    successors();
    hellos();
    wraps();
    accounts();
    account_sets();
    envelopes();
    ids();
    auth();
    puzzle();
    ed25519();
    return 0;
}
