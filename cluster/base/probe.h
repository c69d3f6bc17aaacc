/*
 * probe.h - places where a tracer may look at a node that runs: USDT probes of the provider
 * `chanway`, for bpftrace, perf and SystemTap.
 *
 *   bpftrace -e 'usdt:./chanwayd:chanway:gap { printf("%s\n", str(arg0)); }' -p PID
 *
 * They are there where <sys/sdt.h> is when the node is built (Debian: systemtap-sdt-dev). One that
 * nobody looks at is a nop, and its arguments are what is at hand: nothing is computed for them.
 */
#ifndef CW_BASE_PROBE_H
#define CW_BASE_PROBE_H

#if defined(__has_include) && !defined(__cppcheck__)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define CW_PROBE1(name, a)       DTRACE_PROBE1(chanway, name, a)
#define CW_PROBE2(name, a, b)    DTRACE_PROBE2(chanway, name, a, b)
#define CW_PROBE3(name, a, b, c) DTRACE_PROBE3(chanway, name, a, b, c)
#endif
#endif

#ifndef CW_PROBE1
#define CW_PROBE1(name, a)       ((void)(a))
#define CW_PROBE2(name, a, b)    ((void)(a), (void)(b))
#define CW_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
