/*
 * Processor time by each process's own clock: user and system time as in its
 * stat line, but to the nanosecond.
 */

#include "cpu.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

void
cpu_read_pids(struct cpu *cpu, char *text)
{
    char *one, *end;

    for (one = strtok(text, ","); one; one = strtok(NULL, ",")) {
        if (cpu->n == PIDS_MAX) {
            die("--pids takes at most %u", PIDS_MAX);
        }
        cpu->pids[cpu->n++] = strtol(one, &end, 10);
        if (*end || cpu->pids[cpu->n - 1] <= 0) {
            die("--pids takes process ids, with commas between");
        }
    }
}

double
cpu_of_all(const struct cpu *cpu)
{
    struct timespec t;
    clockid_t       clock;
    double          sum = 0;
    unsigned        i;

    for (i = 0; i < cpu->n; i++) {
        if (clock_getcpuclockid((pid_t) cpu->pids[i], &clock) != 0
            || clock_gettime(clock, &t) != 0)
        {
            die("process %ld of --pids is not there", cpu->pids[i]);
        }
        sum += (double) t.tv_sec + (double) t.tv_nsec / 1e9;
    }

    return sum;
}
