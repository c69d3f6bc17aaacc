/*
 * sandbox.h - system calls that a node never makes end the process (seccomp).
 *
 * Who gets to run code in the node by a fault of it can then not run programs, look into other
 * processes, mount, or load anything into the kernel.
 */
#ifndef CW_SANDBOX_H
#define CW_SANDBOX_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

/**
 * From now on a forbidden call ends the process with SIGSYS, in every thread and child; for good.
 * `runs_programs`: execve is not among them. Wants cw_privileges_forbid_new() first.
 *
 * CW_ERR_IO: the kernel has no seccomp, or this machine is none that is known here; `error` says
 * it, and nothing is forbidden.
 */
CW_MUST_CHECK int cw_sandbox_enter(bool runs_programs, char *error, size_t error_size);

#endif
