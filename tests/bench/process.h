/*
 * process.h - what the processes under test use, by /proc.
 */
#ifndef CW_BENCH_PROCESS_H
#define CW_BENCH_PROCESS_H

#include <sys/types.h>

#define BENCH_PROCESS_NAME_MAX 32

/** The moments at which memory is read. */
enum bench_moment { BENCH_BEFORE, BENCH_CONNECTED, BENCH_AFTER, BENCH_MOMENTS };

struct bench_process {
    pid_t pid;
    char name[BENCH_PROCESS_NAME_MAX];
    double cpu_started_s;
    double cpu_s;                /* used between bench_process_start and _stop */
    long rss_kib[BENCH_MOMENTS]; /* resident, 0 where it was not read */
};

/** CPU seconds of all threads so far, to the nanosecond where the kernel says so; -1: no such
 * process. */
double bench_process_cpu(pid_t pid);
/** CPU seconds that the whole machine was busy so far. */
double bench_machine_cpu(void);

void bench_process_start(struct bench_process *process);
void bench_process_stop(struct bench_process *process);
void bench_process_read_memory(struct bench_process *process, enum bench_moment moment);

#endif
