"""A container's root: the image's layers, read only, with a folder of its own on top (overlayfs).

mount(2) takes at most one page of options, which 40 layers with long names fill. So each layer gets a short
symbolic link and the mount is made by a thread whose own working directory is the container's folder.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from k3py.runtime import kernel

# Docker refuses images of more layers; our options stay far below a page (128 * 6 bytes).
LAYERS_MAX: Final = 128


def overlay_options(layer_count: int) -> str:
    """Mount options; overlayfs wants the topmost layer first. Raises ValueError beyond LAYERS_MAX."""
    if layer_count > LAYERS_MAX:
        raise ValueError(f"cannot mount {layer_count} layers: at most {LAYERS_MAX} are supported")
    lower = ":".join(f"l/{number}" for number in reversed(range(max(1, layer_count))))
    return f"lowerdir={lower},upperdir=upper,workdir=work"


async def mount_root(folder: Path, layers: Sequence[Path]) -> Path:
    """Mount ``layers`` (bottom to top; none: an empty root) at ``folder/rootfs``; that path.

    Raises FileNotFoundError naming a layer that is not there, ValueError for too many, OSError of mount(2).
    """
    options = overlay_options(len(layers))
    for name in ("upper", "work", "rootfs", "l"):
        (folder / name).mkdir(exist_ok=True)
    os.chmod(folder / "upper", 0o755)
    if not layers:
        (folder / "l/0").mkdir(exist_ok=True)
    for number, layer in enumerate(layers):
        if not layer.is_dir():
            raise FileNotFoundError(f"cannot mount the image: its layer {layer} is not there")
        (folder / f"l/{number}").symlink_to(layer.absolute())

    def visit() -> None:
        kernel.unshare(kernel.CLONE_FS)
        os.chdir(folder)
        kernel.mount("overlay", "rootfs", "overlay", 0, options)

    await kernel.in_own_thread(visit)
    return folder / "rootfs"
