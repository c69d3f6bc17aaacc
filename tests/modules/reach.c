/* reach.c - a module that makes the system call whose name it is told, and sends back what came of
 * it. */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

CW_MODULE_DEFINE;

static int run_program(void)
{
    char name[] = "true";
    char *const words[] = {name, NULL};
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv("/bin/true", words);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* What is told; the arguments are such that nothing can come of it. */
static int reach(struct cw_bytes what)
{
    char *const nothing[] = {NULL};
    if (cw_bytes_is(what, "execve"))
        return execve("", nothing, nothing);
    if (cw_bytes_is(what, "a program"))
        return run_program();
    if (cw_bytes_is(what, "mount"))
        return mount("", "", "", 0, NULL);
    if (cw_bytes_is(what, "setuid"))
        return setuid((uid_t)-1);
    if (cw_bytes_is(what, "ptrace"))
        return (int)ptrace(PTRACE_CONT, -1, NULL, NULL);
    if (cw_bytes_is(what, "bpf"))
        return (int)syscall(SYS_bpf, -1, NULL, 0);
    if (cw_bytes_is(what, "getppid"))
        return getppid() > 0 ? 0 : -1;
    errno = EDOM;
    return -1;
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    char text[100];
    (void)arg;
    errno = 0;
    int rc = reach(message->payload);
    int size = snprintf(text, sizeof(text), "%d %d", rc, errno);
    if (cw_channel_send_text(channel, cw_bytes_make(text, (size_t)size)) != CW_OK)
        cw_channel_close(channel, 1011, "it can't be sent back", -1);
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    (void)args;
    (void)error;
    (void)error_size;
    return cw_gateway_on_message(gateway, on_message, NULL);
}

void cw_module_fini(void) {}
