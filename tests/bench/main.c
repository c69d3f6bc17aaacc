/*
 * main.c - chanway-bench: options, one run, its report.
 */
#include "load.h"
#include "options.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Room for other descriptors: epoll, the files of /proc. */
#define SPARE_FILES 16

static void raise_file_limit(const struct bench_options *options)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)options->channels + options->publishers + SPARE_FILES;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < needed) {
        (void)fprintf(stderr, "chanway-bench: needs %lu descriptors, `ulimit -Hn` allows %lu\n",
                      (unsigned long)needed, (unsigned long)limit.rlim_cur);
        exit(BENCH_EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    static struct bench_options options;
    static struct bench_load load;
    bench_options_parse(argc, argv, &options);
    raise_file_limit(&options);
    bench_load_run(&options, &load);
    int code = bench_load_has_failed(&load) ? BENCH_EXIT_FAILED : BENCH_EXIT_OK;
    if (load.is_not_offered) {
        (void)fprintf(stderr, "chanway-bench: the node does not offer %s: %s\n",
                      bench_scenario_name(options.scenario), load.last_error);
        code = BENCH_EXIT_NOT_OFFERED;
    } else if (options.json) {
        bench_report_json(&load);
    } else {
        bench_report_text(&load);
    }
    bench_load_finish(&load);
    return code;
}
