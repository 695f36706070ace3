/*
 * Processor time of other processes.
 */

#ifndef SEALCHAT_BENCH_CPU_H
#define SEALCHAT_BENCH_CPU_H

#define PIDS_MAX 64u

struct cpu {
    long     pids[PIDS_MAX];
    unsigned n;
};

/* Takes process ids with commas between; ends the program if they are none. */
void cpu_read_pids(struct cpu *cpu, char *text);

/* User and system time of all of them with all their threads, in seconds. */
double cpu_of_all(const struct cpu *cpu);

#endif
