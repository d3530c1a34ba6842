"""Checks of probes and lifecycle hooks: what is done to a container, and how often."""

import re
from collections.abc import Callable
from typing import Any, Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors

SCHEMES: Final = ("HTTP", "HTTPS")
_HEADER: Final = re.compile("[-A-Za-z0-9]+", re.ASCII)
_HEADER_RULE: Final = names.mismatch(
    "a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", "X-Header-Name")  # fmt: skip
_WINDOWS_SIGNALS: Final = ("SIGKILL", "SIGTERM")
_REAL_TIME: Final = ("SIGRTMIN", *(f"SIGRTMIN+{each}" for each in range(1, 16)),
                     *(f"SIGRTMAX-{each}" for each in range(1, 15)), "SIGRTMAX")  # fmt: skip
LINUX_SIGNALS: Final = tuple(sorted((
    "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO",
    "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGSEGV", "SIGSTKFLT", "SIGSTOP",
    "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM",
    "SIGWINCH", "SIGXCPU", "SIGXFSZ", *_REAL_TIME,
)))  # fmt: skip


def lifecycle_and_probes(container: core_v1.Container, spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """Hooks and probes of a container that runs as long as its pod."""
    grace = spec.termination_grace_period_seconds
    if container.lifecycle is not None:
        hooks, place = container.lifecycle, f"{path}.lifecycle"
        for wire, handler in (("postStart", hooks.post_start), ("preStop", hooks.pre_stop)):
            if handler is not None:
                _handler(handler, grace, f"{place}.{wire}", wrong)
        if hooks.stop_signal is not None:
            _stop_signal(hooks.stop_signal, spec.os, f"{place}.stopSignal", wrong)
    for wire, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            _probe(probe, grace, f"{path}.{wire}", wire, wrong)


def no_lifecycle_or_probes(container: core_v1.Container, path: str, wrong: Errors) -> None:
    """An init container that ends has none."""
    for name, found in (
        ("lifecycle", container.lifecycle),
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if found is not None:
            wrong.forbidden(f"{path}.{name}", "may not be set for init containers without restartPolicy=Always")


def _stop_signal(signal: str, system: core_v1.PodOS | None, path: str, wrong: Errors) -> None:
    if system is None:
        wrong.forbidden(path, "may not be set for containers with empty `spec.os.name`")
        return
    known = _WINDOWS_SIGNALS if system.name == "windows" else LINUX_SIGNALS
    if signal not in known:
        wrong.unsupported(path, signal, known)


def _probe(probe: core_v1.Probe, grace: int | None, path: str, wire: str, wrong: Errors) -> None:
    _handler(probe, grace, path, wrong)
    for name, value in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        wrong.not_negative(f"{path}.{name}", value)
    own_grace = probe.termination_grace_period_seconds
    if own_grace is not None and own_grace <= 0:
        wrong.invalid(f"{path}.terminationGracePeriodSeconds", own_grace, "must be greater than 0")
    if wire == "readinessProbe":
        if own_grace is not None:
            wrong.invalid(f"{path}.terminationGracePeriodSeconds", own_grace, "must not be set for readinessProbes")
    elif probe.success_threshold != 1:
        wrong.invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1")


def _handler(handler: Any, grace: int | None, path: str, wrong: Errors) -> None:
    count = 0
    for wire, attribute, check in _HANDLERS:
        action = getattr(handler, attribute, None)
        if action is None:
            continue
        count += 1
        if count > 1:
            wrong.forbidden(f"{path}.{wire}", "may not specify more than 1 handler type")
        elif attribute == "sleep":
            _sleep(action, grace, f"{path}.{wire}", wrong)
        else:
            check(action, f"{path}.{wire}", wrong)
    if not count:
        wrong.required(path, "must specify a handler type")


def _exec(action: core_v1.ExecAction, path: str, wrong: Errors) -> None:
    if not action.command:
        wrong.required(f"{path}.command")


def _http(action: core_v1.HTTPGetAction, path: str, wrong: Errors) -> None:
    if not action.path:
        wrong.required(f"{path}.path")
    _port(action.port, f"{path}.port", wrong)
    if action.scheme not in SCHEMES:
        wrong.unsupported(f"{path}.scheme", action.scheme, SCHEMES)
    for header in action.http_headers:
        if not _HEADER.fullmatch(header.name):
            wrong.invalid(f"{path}.httpHeaders", header.name, _HEADER_RULE)


def _tcp(action: core_v1.TCPSocketAction, path: str, wrong: Errors) -> None:
    _port(action.port, f"{path}.port", wrong)


def _grpc(action: core_v1.GRPCAction, path: str, wrong: Errors) -> None:
    wrong.each_invalid(f"{path}.port", action.port, names.port_number(action.port))


def _sleep(action: core_v1.SleepAction, grace: int | None, path: str, wrong: Errors) -> None:
    if grace is not None and not 0 <= action.seconds <= grace:
        detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        wrong.invalid(path, action.seconds, detail)


def _no_check(*_: Any) -> None:
    """Checked where the grace period is known."""


def _port(port: int | str, path: str, wrong: Errors) -> None:
    wrong.each_invalid(path, port, names.port_name(port) if isinstance(port, str) else names.port_number(port))


_HANDLERS: Final[tuple[tuple[str, str, Callable[[Any, str, Errors], None]], ...]] = (
    ("exec", "exec", _exec),
    ("httpGet", "http_get", _http),
    ("tcpSocket", "tcp_socket", _tcp),
    ("grpc", "grpc", _grpc),
    ("sleep", "sleep", _no_check),
)
