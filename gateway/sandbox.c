/*
 * sandbox.c - a list of system calls, and the filter that is made of it.
 *
 * What is forbidden and not what is allowed: the libraries below (libc, OpenSSL, modules) may use
 * another call with each version, and a node must not die of an update. The filter is a chain of
 * comparisons, some 70 instructions; the kernel keeps a bitmap of the calls that always pass.
 */
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define FOREIGN_BIT  0x40000000U /* the x32 calls: other numbers for the same things */
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define FOREIGN_BIT  0x80000000U /* no number has it */
#endif

#ifdef ARCHITECTURE

/* The leak checker of these builds looks at the process by ptrace when it ends. */
#if defined(__SANITIZE_ADDRESS__)
#define MAY_TRACE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAY_TRACE 1
#endif
#endif

static const int programs[] = {SYS_execve, SYS_execveat};

static const int forbidden[] = {
/* other processes */
#ifndef MAY_TRACE
    SYS_ptrace,
#endif
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    /* who we are */
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_setgroups,
    SYS_capset,
    /* what we see of the system */
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_by_handle_at,
    SYS_mknodat,
    /* the machine */
    SYS_reboot,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_vhangup,
    /* large parts of the kernel that a node has no use for */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_fanotify_init,
    SYS_lookup_dcookie,
    SYS_nfsservctl,
    SYS_personality,
#ifdef __x86_64__
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_mknod,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct program {
    struct sock_filter steps[8 + 2 * (COUNT(programs) + COUNT(forbidden))];
    unsigned short count;
};

static void add(struct program *program, struct sock_filter step)
{
    program->steps[program->count++] = step;
}

/* If the number is `call`, the process ends. */
static void forbid(struct program *program, int call)
{
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1));
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

static void make(struct program *program, bool runs_programs)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                              offsetof(struct seccomp_data, arch)));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    add(program,
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FOREIGN_BIT, 0, 1));
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    for (size_t i = 0; i < COUNT(programs) && !runs_programs; i++)
        forbid(program, programs[i]);
    for (size_t i = 0; i < COUNT(forbidden); i++)
        forbid(program, forbidden[i]);
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

int cw_sandbox_enter(bool runs_programs, char *error, size_t error_size)
{
    struct program program = {.count = 0};
    make(&program, runs_programs);
    struct sock_fprog filter = {.len = program.count, .filter = program.steps};
    /* Threads that modules have begun are held to it as well. */
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    if (rc == 0)
        return CW_OK;
    (void)snprintf(error, error_size, "seccomp: %s",
                   rc > 0 ? "a thread has a filter of its own" : strerror(errno));
    return CW_ERR_IO;
}

#else

int cw_sandbox_enter(bool runs_programs, char *error, size_t error_size)
{
    (void)runs_programs;
    (void)snprintf(error, error_size, "seccomp: no filter for this kind of processor");
    return CW_ERR_IO;
}

#endif
