/*
 * privileges.c - setgroups, setresgid, setresuid, in this order, and a look at what came of it.
 */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int fail(char *error, size_t size, int rc, const char *user, const char *why)
{
    (void)snprintf(error, size, "user = %s: %s", user, why);
    return rc;
}

int cw_privileges_forbid_new(char *error, size_t error_size)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        return CW_OK;
    (void)snprintf(error, error_size, "no_new_privs: %s", strerror(errno));
    return CW_ERR_IO;
}

/* Real, effective and saved ids, each. */
static bool is_user(const struct passwd *user)
{
    uid_t uids[3];
    gid_t gids[3];
    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (uids[i] != user->pw_uid || gids[i] != user->pw_gid)
            return false;
    }
    return true;
}

int cw_privileges_drop(const char *user, char *error, size_t error_size)
{
    errno = 0;
    /* cppcheck-suppress getpwnamCalled ; there is one thread */
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return fail(error, error_size, CW_ERR_INVALID, user,
                    errno != 0 && errno != ENOENT ? strerror(errno) : "there is no such user");
    if (entry->pw_uid == 0)
        return fail(error, error_size, CW_ERR_INVALID, user,
                    "that is root; name a user without rights");
    if (is_user(entry))
        return CW_OK;
    if (geteuid() != 0)
        return fail(error, error_size, CW_ERR_IO, user,
                    "only root can become another user; start as root or as that user");
    /* Groups first: without root's uid they could not be changed any more. */
    if (initgroups(entry->pw_name, entry->pw_gid) < 0 ||
        setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
        return fail(error, error_size, CW_ERR_IO, user, strerror(errno));
    /* Capabilities can survive a change of uid (securebits): then this would succeed. */
    if (!is_user(entry) || setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
        return fail(error, error_size, CW_ERR_IO, user,
                    "root's rights are still there after giving them up");
    return CW_OK;
}
