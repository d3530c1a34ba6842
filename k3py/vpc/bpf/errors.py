"""What can go wrong between us and the kernel.

BpfError               the kernel refused a command; ``errno`` says why
├── VerifierError      it refused a program; ``log`` holds the verifier's last lines
└── NotSupportedError  it, or the device, does not take programs in this way; there may be another
ObjectError            a compiled object that cannot be understood, or a constant or map that it does not have
"""


class BpfError(OSError):
    """bpf(2) failed; says which command, on what."""


class VerifierError(BpfError):
    """The verifier refused a program."""

    def __init__(self, number: int, message: str, log: str) -> None:
        super().__init__(number, f"{message}\n{log}")
        self.log = log


class NotSupportedError(BpfError):
    """No such way to attach: tcx came with Linux 6.6, netkit with 6.7 and only where it was configured."""


class ObjectError(ValueError):
    """An object file is damaged or uses what this loader does not support."""
