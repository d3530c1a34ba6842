"""What the daemon has to know of its host beside the network. Acts: reads files."""

from pathlib import Path
from typing import Final

from k3py.vpc.rows import Attachment

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
DEVICES: Final = Path("/sys/class/net")


def boot_id(path: Path = BOOT_ID) -> str:
    """Which boot this is (random(4)). Raises OSError."""
    return path.read_text().strip()


def attachment_exists(attachment: Attachment) -> bool:
    """Whether what a pod's link hangs on is there: its network namespace's path, or its TAP device."""
    if attachment.tap:
        return (DEVICES / attachment.tap).exists()
    return Path(attachment.netns).exists()
