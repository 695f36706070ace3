/*
 * Giving up rights: another user, and a filter of system calls.
 *
 * The filter is a list of what is left, drawn from what the tests make the
 * daemon do, its backup and its stop included.  Where libc makes another call
 * on a newer architecture, both are in it: libseccomp passes over a call that
 * the machine's own has not.  Under a sanitizer more is left, for the
 * sanitizer.
 */

#define _GNU_SOURCE  /* CLONE_THREAD, setresuid */

#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <seccomp.h>


/* --- the user ------------------------------------------------------------ */

int
sc_privilege_drop(const char *user, char *why, size_t why_size)
{
    const struct passwd *entry;

    errno = 0;
    entry = getpwnam(user);
    if (entry == NULL) {
        snprintf(why, why_size, "user = %s: %s", user,
                 errno ? strerror(errno) : "there is no such user");
        return -1;
    }

    if (geteuid() == entry->pw_uid && getuid() == entry->pw_uid) {
        return 0;
    }

    if (initgroups(user, entry->pw_gid) != 0
        || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0
        || setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0)
    {
        snprintf(why, why_size, "could not become user %s: %s", user,
                 strerror(errno));
        return -1;
    }

    /* Never trust that it worked. */
    if (entry->pw_uid != 0 && (setuid(0) == 0 || geteuid() != entry->pw_uid)) {
        snprintf(why, why_size, "could not become user %s for good", user);
        return -1;
    }

    return 0;
}


/* --- the system calls ---------------------------------------------------- */

static const int allowed[] = {
    /* links, and what waits for them */
    SCMP_SYS(accept4), SCMP_SYS(close), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(fcntl),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(ioctl),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown), SCMP_SYS(write), SCMP_SYS(writev),

    /* the store, and a backup of it */
    SCMP_SYS(fallocate), SCMP_SYS(fdatasync), SCMP_SYS(fstat),
    SCMP_SYS(fstatfs), SCMP_SYS(fsync), SCMP_SYS(ftruncate),
    SCMP_SYS(lseek), SCMP_SYS(msync), SCMP_SYS(newfstatat),
    SCMP_SYS(pipe2), SCMP_SYS(pread64), SCMP_SYS(preadv),
    SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(setpriority),
    SCMP_SYS(sync_file_range), SCMP_SYS(unlink), SCMP_SYS(unlinkat),

    /* the keys of tickets, of which a new one is written now and then */
    SCMP_SYS(openat), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2),

    /* memory and secrets; qsort() asks how much memory there is when it sorts
     * more than a kilobyte */
    SCMP_SYS(brk), SCMP_SYS(getrandom), SCMP_SYS(madvise),
    SCMP_SYS(mlock), SCMP_SYS(mremap), SCMP_SYS(munlock),
    SCMP_SYS(munmap), SCMP_SYS(sysinfo),

    /* threads */
    SCMP_SYS(exit), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(prlimit64), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),

    /* time, signals, the end */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(exit_group), SCMP_SYS(geteuid), SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep), SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),

#ifdef __SANITIZE_ADDRESS__
    /* Its reports, and the search for leaks at the end. */
    SCMP_SYS(clone), SCMP_SYS(getdents), SCMP_SYS(getdents64),
    SCMP_SYS(getppid),
    SCMP_SYS(kill), SCMP_SYS(open),
    SCMP_SYS(prctl), SCMP_SYS(ptrace), SCMP_SYS(readlink),
    SCMP_SYS(wait4), SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(access),
    SCMP_SYS(uname), SCMP_SYS(execve), SCMP_SYS(dup2),
    SCMP_SYS(getrlimit), SCMP_SYS(setrlimit), SCMP_SYS(arch_prctl),
    SCMP_SYS(set_tid_address), SCMP_SYS(process_vm_readv),
    SCMP_SYS(readlinkat), SCMP_SYS(faccessat), SCMP_SYS(dup3),
#endif
};


/* Those whose arguments matter. */
static int
allow_narrowly(scmp_filter_ctx filter)
{
    int rc = 0;

    /* glibc falls back to clone(), whose flags can be seen. */
    rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
                           0);

#ifndef __SANITIZE_ADDRESS__
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                           SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD,
                                   CLONE_THREAD));
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
#endif

    /* To tell the service manager of the end. */
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                           SCMP_A0(SCMP_CMP_EQ, AF_UNIX));

    return rc;
}


int
sc_privilege_confine(int kill, char *why, size_t why_size)
{
    scmp_filter_ctx filter = seccomp_init(kill ? SCMP_ACT_KILL_PROCESS
                                               : SCMP_ACT_ERRNO(EPERM));
    int             rc = filter ? 0 : -ENOMEM;

    /* It would look for its file at the first line of the log. */
    tzset();

    for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]);
         i++)
    {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }

    if (rc == 0) {
        rc = allow_narrowly(filter);
    }
    if (rc == 0) {
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    }
    if (rc == 0) {
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    }
    if (rc == 0) {
        rc = seccomp_load(filter);
    }

    seccomp_release(filter);

    if (rc != 0) {
        snprintf(why, why_size, "no filter of system calls: %s (seccomp = off "
                 "does without)", strerror(rc < 0 ? -rc : EINVAL));
        return -1;
    }

    return 0;
}
