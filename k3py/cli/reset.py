"""``k3py reset``: leave nothing of the cluster on this host."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import typer

from k3py.base.paths import Paths
from k3py.cli.app import Failure, app
from k3py.cli.down import remove_network, stop_daemons, stop_pods
from k3py.runtime.kernel import mount_points_below


@app.command()
def reset(
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Stop everything and remove all state of this host: daemons, containers, images, store, certificates, logs."""
    paths = Paths.from_environment()
    folders = [each for each in (paths.state, paths.log, paths.run, paths.config) if each.exists()]
    if not folders:
        typer.echo("There is nothing to remove")
        return
    listed = ", ".join(str(each) for each in folders)
    if not yes and not typer.confirm(f"Remove {listed} and all containers of this cluster?"):
        raise Failure("nothing was removed")
    stop_daemons(paths)
    stop_pods(paths)
    remove_network(paths)
    _refuse_mounted(folders)
    for folder in folders:
        shutil.rmtree(folder)
        _remove_empty(folder.parent, paths.root)
    typer.echo(f"Removed {listed}")


def _refuse_mounted(folders: Sequence[Path]) -> None:
    """What is mounted may be somebody's data: a host's folder, a network's share. It is not ours to empty.

    Raises:
        Failure: the mount points; nothing was removed.
    """
    mountinfo = Path("/proc/self/mountinfo").read_text()
    mounted = [point for folder in folders for point in mount_points_below(folder, mountinfo)]
    if mounted:
        raise Failure(f"cannot remove what is mounted: {', '.join(mounted)}; unmount it, then try again")


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove folders that are empty now, from ``folder`` up to but not including ``root``. Never the system's own."""
    while root != Path("/") and folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
