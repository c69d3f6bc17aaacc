/*
 * process.c - /proc/PID/task/TID/schedstat is exact, but a kernel may be built without it;
 * /proc/PID/stat counts ticks.
 */
#include "process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 4096

/* The beginning of a file, as a string; false if it can't be read. */
static bool read_text(const char *path, char ret_text[TEXT_MAX])
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t size = fread(ret_text, 1, TEXT_MAX - 1, file);
    ret_text[size] = '\0';
    (void)fclose(file);
    return size > 0;
}

/* The number that is field `index` (from 0) of a text with blanks between the fields. */
static double field(const char *text, int index)
{
    for (; index > 0 && *text != '\0'; index--) {
        text += strcspn(text, " \n");
        text += strspn(text, " \n");
    }
    return strtod(text, NULL);
}

static double cpu_by_ticks(pid_t pid)
{
    char path[64];
    char text[TEXT_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (!read_text(path, text))
        return -1;
    const char *rest = strrchr(text, ')'); /* the name before it may hold blanks */
    if (rest == NULL)
        return -1;
    /* utime and stime are fields 14 and 15 of proc(5); `rest` begins with the end of field 2. */
    return (field(rest, 12) + field(rest, 13)) / (double)sysconf(_SC_CLK_TCK);
}

double bench_process_cpu(pid_t pid)
{
    char path[512];
    char text[TEXT_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return -1;
    double total_ns = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        if (read_text(path, text))
            total_ns += field(text, 0);
    }
    (void)closedir(folder);
    return total_ns > 0 ? total_ns / 1e9 : cpu_by_ticks(pid);
}

double bench_machine_cpu(void)
{
    char text[TEXT_MAX];
    if (!read_text("/proc/stat", text))
        return 0;
    /* "cpu  user nice system idle iowait irq softirq steal ..." */
    static const int busy[] = {1, 2, 3, 6, 7, 8};
    double ticks = 0;
    for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++)
        ticks += field(text, busy[i]);
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

void bench_process_start(struct bench_process *process)
{
    process->cpu_started_s = bench_process_cpu(process->pid);
}

void bench_process_stop(struct bench_process *process)
{
    double now = bench_process_cpu(process->pid);
    process->cpu_s = now < 0 ? 0 : now - process->cpu_started_s;
}

void bench_process_read_memory(struct bench_process *process, enum bench_moment moment)
{
    char path[64];
    char text[TEXT_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)process->pid);
    if (!read_text(path, text))
        return;
    const char *line = strstr(text, "\nRss:");
    if (line != NULL)
        process->rss_kib[moment] = strtol(line + strlen("\nRss:"), NULL, 10);
}
