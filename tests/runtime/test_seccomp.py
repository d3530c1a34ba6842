"""The default filter: every call has one answer, and dangerous ones are not allowed."""

import ctypes
import ctypes.util
import errno

import pytest

from k3py.runtime.seccomp import ALLOWED, ARCHITECTURES, BY_CAPABILITY, REFUSED, runtime_default

DANGEROUS = (
    "mount umount2 pivot_root setns unshare bpf keyctl add_key kexec_load init_module userfaultfd io_uring_setup reboot"
)


def names(profile: dict[str, object], action: str, plain: bool = True) -> list[str]:
    rules = profile["syscalls"]
    assert isinstance(rules, list)
    return [n for rule in rules if rule["action"] == action and ("args" not in rule) == plain for n in rule["names"]]


def test_each_call_stands_in_one_list_only() -> None:
    listed = [name for group in ALLOWED.values() for name in group.split()]
    assert len(listed) == len(set(listed))
    behind = {name for group in BY_CAPABILITY.values() for name in group.split()}
    assert not set(listed) & (behind | set(REFUSED.split()))


@pytest.mark.parametrize("name", DANGEROUS.split())
def test_without_capabilities_it_is_refused(name: str) -> None:
    profile = runtime_default("x86_64", [])
    assert name in names(profile, "SCMP_ACT_ERRNO")
    assert name not in names(profile, "SCMP_ACT_ALLOW")


def test_a_capability_brings_its_calls() -> None:
    profile = runtime_default("x86_64", ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"])
    allowed = names(profile, "SCMP_ACT_ALLOW")
    assert {"mount", "unshare", "clone", "clone3", "chroot"} <= set(allowed)
    assert not set(allowed) & set(names(profile, "SCMP_ACT_ERRNO"))


def test_clone_makes_threads_and_processes_but_no_namespaces() -> None:
    profile = runtime_default("x86_64", [])
    assert "clone" in names(profile, "SCMP_ACT_ALLOW", plain=False)
    for action in ("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"):
        assert "clone3" not in names(profile, action), "its flags cannot be seen: ENOSYS makes libc take clone"
    rule = next(r for r in profile["syscalls"] if r["names"] == ["clone"])
    assert rule["args"][0]["value"] == 0x7E020000
    assert (profile["defaultAction"], profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", errno.ENOSYS)
    s390 = runtime_default("s390x", [])
    assert next(r for r in s390["syscalls"] if r["names"] == ["clone"])["args"][0]["index"] == 1


def test_an_unknown_machine_gets_a_filter_without_architectures() -> None:
    assert "architectures" not in runtime_default("loongarch64", [])
    assert runtime_default("aarch64", [])["architectures"] == list(ARCHITECTURES["aarch64"])


# Newer than the libseccomp that Debian 12 has; a runtime leaves out names that its library does not know.
NEWER = """
    arm_fadvise64_64 arm_sync_file_range cachestat fchmodat2 futex_requeue futex_wait futex_wake getxattrat listmount
    listxattrat lsm_get_self_attr map_shadow_stack mseal removexattrat riscv_flush_icache set_mempolicy_home_node
    setxattrat statmount uretprobe
"""


@pytest.mark.skipif(ctypes.util.find_library("seccomp") is None, reason="needs libseccomp")
def test_every_name_is_a_system_call() -> None:
    library = ctypes.CDLL(ctypes.util.find_library("seccomp"))
    every = {name for group in (*ALLOWED.values(), *BY_CAPABILITY.values(), REFUSED) for name in group.split()}
    unknown = {name for name in every if library.seccomp_syscall_resolve_name(name.encode()) == -1}
    assert unknown <= set(NEWER.split())
