"""The ``RuntimeDefault`` system call filter: an allow-list, sorted by what the calls are for.

Three answers. A call in ``ALLOWED`` (or granted by a capability the container has) works. A call in ``REFUSED``, known
and dangerous, fails with EPERM. Any other, such as one newer than this list, fails with ENOSYS, so that C libraries
fall back to an older call instead of giving up. ``clone3`` is in the last group on purpose: its flags lie in memory,
where a filter cannot look, while those of ``clone`` can be checked.

The format is ``linux.seccomp`` of the OCI runtime specification; the reasons for single calls are their man pages'.
"""

import errno
from collections.abc import Collection, Mapping
from typing import Any, Final

ALLOWED: Final[Mapping[str, str]] = {
    "files": """
        access cachestat chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat
        faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl
        fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64
        fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat ioctl lchown lchown32
        lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
        mkdir mkdirat mknod mknodat name_to_handle_at newfstatat _newselect open openat openat2 pread64 preadv
        preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename
        renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx
        symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat
        utimensat_time64 utimes vmsplice write writev""",
    "events and asynchronous files": """
        epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
        eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
        io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit pipe pipe2 poll ppoll ppoll_time64 pselect6
        pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
        timerfd_settime64""",
    "memory": """
        brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
        mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_madvise
        process_mrelease remap_file_pages""",
    "processes and threads": """
        arch_prctl capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait
        futex_waitv futex_wake get_robust_list get_thread_area getegid getegid32 geteuid geteuid32 getgid getgid32
        getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32
        getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill modify_ldt pidfd_open
        pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_get_priority_max sched_get_priority_min
        sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
        sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
        set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
        setgroups setgroups32 setitimer getitimer setpgid setpriority setregid setregid32 setresgid setresgid32
        setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 tgkill tkill times ugetrlimit
        uname vfork wait4 waitid waitpid getcpu sysinfo getrandom seccomp landlock_add_rule landlock_create_ruleset
        landlock_restrict_self arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2
        riscv_flush_icache uretprobe""",
    "signals": """
        alarm pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
        rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signal sigprocmask sigreturn""",
    "time": """
        clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
        gettimeofday nanosleep time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
        timer_settime timer_settime64""",
    "network": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
        recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair""",
    "System V and POSIX communication": """
        ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
        mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt
        shmget""",
    "tracing own children (Linux 4.8 and newer check the filter again)": """
        kcmp pidfd_getfd process_vm_readv process_vm_writev ptrace""",
}

BY_CAPABILITY: Final[Mapping[str, str]] = {
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_SYS_ADMIN": """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
        open_tree perf_event_open pivot_root quotactl quotactl_fd setdomainname sethostname setns statmount listmount
        syslog umount umount2 unshare""",
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYS_NICE": "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node",
    "CAP_SYSLOG": "syslog",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
}

REFUSED: Final = """
    add_key keyctl request_key io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load nfsservctl
    swapoff swapon sysfs _sysctl userfaultfd uselib ustat vm86 vm86old create_module get_kernel_syms query_module
"""

# clone's flags that make namespaces: mount, cgroup, uts, ipc, user, pid, net (clone(2)).
CLONE_NAMESPACES: Final = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
# personality(2): Linux, 32-bit addresses, the question 0xffffffff, and both with READ_IMPLIES_EXEC left out.
PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
# Sockets to the hypervisor reach past the network namespace (socket(2), AF_VSOCK).
AF_VSOCK: Final = 40

# Each architecture costs 4 to 8 ms per start, in which the runtime compiles the filter. x32, which kernels are built
# without nowadays and nobody compiles for, is left out: its calls kill the process.
ARCHITECTURES: Final[Mapping[str, tuple[str, ...]]] = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "s390x": ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
}


def runtime_default(machine: str, capabilities: Collection[str]) -> dict[str, Any]:
    """The filter for a container with these capabilities (``CAP_...``) on ``machine`` (``uname -m``).

    Returns ``linux.seccomp`` of config.json. An unknown machine gets the filter for its native architecture only.
    """
    allowed = {name for group in ALLOWED.values() for name in group.split()}
    granted = {n for c, names in BY_CAPABILITY.items() if c in capabilities for n in names.split()}
    behind = {name for names in BY_CAPABILITY.values() for name in names.split()}
    refused = (set(REFUSED.split()) | behind) - granted - {"clone", "clone3"}
    rules: list[dict[str, Any]] = [
        {"names": sorted(allowed | granted), "action": "SCMP_ACT_ALLOW"},
        {"names": sorted(refused), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [_argument(0, AF_VSOCK, "SCMP_CMP_NE")]},
    ]
    rules += [
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [_argument(0, value, "SCMP_CMP_EQ")]}
        for value in PERSONALITIES
    ]
    if "clone" not in granted:
        rules.append(_clone_without_namespaces(machine))
    profile: dict[str, Any] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.ENOSYS,
        "syscalls": rules,
    }
    if machine in ARCHITECTURES:
        profile["architectures"] = list(ARCHITECTURES[machine])
    return profile


def _clone_without_namespaces(machine: str) -> dict[str, Any]:
    flags = 1 if machine == "s390x" else 0  # s390x swaps the first two arguments
    masked = {"index": flags, "value": CLONE_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    return {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [masked]}


def _argument(index: int, value: int, operation: str) -> dict[str, Any]:
    return {"index": index, "value": value, "op": operation}
