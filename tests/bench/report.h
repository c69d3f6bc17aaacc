/*
 * report.h - the results, for people or as one JSON object in a line.
 */
#ifndef CW_BENCH_REPORT_H
#define CW_BENCH_REPORT_H

struct bench_load;

void bench_report_text(const struct bench_load *load);
void bench_report_json(const struct bench_load *load);

#endif
