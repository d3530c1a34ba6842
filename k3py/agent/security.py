"""``securityContext`` of pod and container, in the runtime's terms (Kubernetes, "Configure a Security Context")."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from k3py.agent.environment import ConfigProblem
from k3py.model.generated.core_v1 import Container, PodSecurityContext, PodSpec, SecurityContext
from k3py.runtime.port import Seccomp, User

# An image's passwd or group file is read whole; a larger one is no such file.
ACCOUNT_FILE_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True)
class Accounts:
    """The image's ``/etc/passwd`` and ``/etc/group``; empty text when it has none."""

    passwd: str = ""
    group: str = ""

    def user(self, wanted: str) -> tuple[str, int, int] | None:
        """Name, uid and gid of a user given by name or number."""
        for fields in _lines(self.passwd, 4):
            if wanted in (fields[0], fields[2]) and fields[2].isdigit() and fields[3].isdigit():
                return fields[0], int(fields[2]), int(fields[3])
        return None

    def group_id(self, wanted: str) -> int | None:
        for fields in _lines(self.group, 3):
            if fields[0] == wanted and fields[2].isdigit():
                return int(fields[2])
        return None

    def groups_of(self, name: str) -> list[int]:
        """Numbers of the groups that list the user as a member."""
        return [
            int(fields[2]) for fields in _lines(self.group, 4) if fields[2].isdigit() and name in fields[3].split(",")
        ]


def _lines(text: str, columns: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= columns:
            yield fields


def run_as(spec: PodSpec, container: Container, image_user: str, accounts: Accounts) -> User:
    """Who the container's process is.

    Raises:
        ConfigProblem: the image's user does not exist in it, or ``runAsNonRoot`` forbids it.
    """
    pod = spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    uid = own.run_as_user if own.run_as_user is not None else pod.run_as_user
    gid = own.run_as_group if own.run_as_group is not None else pod.run_as_group
    name, _, group = image_user.partition(":")
    chosen = str(uid) if uid is not None else name or "0"
    known = accounts.user(chosen)
    if known is None and not chosen.isdigit():
        raise ConfigProblem(f"unable to find user {chosen}: no matching entries in passwd file")
    number = known[1] if known else int(chosen)
    if gid is None:
        gid = _image_group(group, accounts) if uid is None and group else (known[2] if known else 0)
    _check_non_root(own, pod, uid, number, name)
    groups = list(pod.supplemental_groups)
    if pod.fs_group is not None:
        groups.append(pod.fs_group)
    if known is not None and pod.supplemental_groups_policy != "Strict":
        groups += accounts.groups_of(known[0])
    return User(uid=number, gid=gid, groups=tuple(dict.fromkeys(groups)))


def _image_group(group: str, accounts: Accounts) -> int:
    if group.isdigit():
        return int(group)
    found = accounts.group_id(group)
    if found is None:
        raise ConfigProblem(f"unable to find group {group}: no matching entries in group file")
    return found


def _check_non_root(own: SecurityContext, pod: PodSecurityContext, uid: int | None, number: int, name: str) -> None:
    wanted = own.run_as_non_root if own.run_as_non_root is not None else pod.run_as_non_root
    if not wanted:
        return
    if uid == 0:
        raise ConfigProblem("container's runAsUser breaks non-root policy")
    if uid is None and name and not name.isdigit():
        raise ConfigProblem(
            f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
        )
    if number == 0:
        raise ConfigProblem("container has runAsNonRoot and image will run as root")


def no_new_privileges(context: SecurityContext | None) -> bool:
    """``allowPrivilegeEscalation: false``; a privileged container, or one with SYS_ADMIN, may always escalate."""
    return context is not None and context.allow_privilege_escalation is False


def seccomp(spec: PodSpec, container: Container, default: Seccomp = Seccomp.UNCONFINED) -> Seccomp:
    """The filter that applies. Without any word of it Kubernetes runs containers unconfined.

    Raises:
        ConfigProblem: a profile of the node's own is asked for, which k3py does not offer.
    """
    own = container.security_context.seccomp_profile if container.security_context else None
    pod = spec.security_context.seccomp_profile if spec.security_context else None
    profile = own or pod
    if profile is None:
        return default
    if profile.type == "Localhost":
        raise ConfigProblem("seccompProfile of type Localhost is not supported; use RuntimeDefault or Unconfined")
    return Seccomp.UNCONFINED if profile.type == "Unconfined" else Seccomp.RUNTIME_DEFAULT


def sysctls(spec: PodSpec) -> dict[str, str]:
    context = spec.security_context
    return {each.name: each.value for each in context.sysctls} if context else {}


def capabilities(context: SecurityContext | None) -> tuple[Sequence[str], Sequence[str]]:
    """Capabilities to add and to drop, without ``CAP_``."""
    given = context.capabilities if context else None
    if given is None:
        return (), ()
    return (
        tuple(each.upper().removeprefix("CAP_") for each in given.add),
        tuple(each.upper().removeprefix("CAP_") for each in given.drop),
    )
