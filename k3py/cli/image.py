"""``k3py image``: the images of this node."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from k3py.base.paths import Paths
from k3py.cli.app import NOT_FOUND, UNAVAILABLE, USAGE, Failure, app
from k3py.cli.progress import pull_progress
from k3py.cli.tables import Layout
from k3py.image.errors import ImageError, ImageNotFound, InvalidReference, RegistryUnavailable
from k3py.image.image import Image
from k3py.image.service import Images

T = TypeVar("T")
image = typer.Typer(help="Images of this node: list, import, pull, remove.", no_args_is_help=True)
app.add_typer(image, name="image")
_ID_DIGITS = 12


@image.command("list")
def list_images(
    output: Annotated[str, typer.Option("-o", "--output", help="name or json [default: a table]")] = "",
) -> None:
    """Show the images on this node."""
    if output not in ("", "name", "json"):
        raise Failure(f"cannot use -o {output}: it is one of name, json", USAGE)
    images = _do(lambda node: _listed(node))
    if output == "json":
        typer.echo(json.dumps([_plain(each) for each in images], indent=2))
    elif output == "name":
        typer.echo("".join(f"{name}\n" for each in images for name in each.names), nl=False)
    else:
        typer.echo(Layout().format(image_rows(images)), nl=False)


@image.command("import")
def import_images(
    files: Annotated[list[Path], typer.Argument(help="OCI layouts or 'docker save' archives, also compressed.")],
    name: Annotated[str, typer.Option("--name", help="Name for the archive's one image.")] = "",
) -> None:
    """Bring images from archives onto this node."""
    for path in files:
        found = _do(lambda node, path=path: node.import_archive(path, name or None))  # type: ignore[misc]
        for each in found:
            typer.echo(f"Imported {', '.join(each.names) or each.id} ({human_size(each.size)})")


@image.command()
def pull(
    names: Annotated[list[str], typer.Argument(help="Names of images, as docker.io/library/busybox:1.36")],
) -> None:
    """Fetch images from their registries."""
    for name in names:
        with pull_progress(name) as on_progress:
            found = _do(lambda node, name=name, show=on_progress: node.pull(name, (), show))  # type: ignore[misc]
        typer.echo(f"Pulled {', '.join(found.names)} ({human_size(found.size)})")


@image.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Names or ids of images.")],
) -> None:
    """Take images away from this node; what running containers use stays until they have ended."""
    for name in names:
        _do(lambda node, name=name: _removed(node, name))  # type: ignore[misc]
        typer.echo(f"Removed {name}")


async def _listed(node: Images) -> list[Image]:
    return node.list()


async def _removed(node: Images, name: str) -> None:
    node.remove(name)


def _do(work: Callable[[Images], Coroutine[Any, Any, T]]) -> T:
    """Do something with this node's images.

    Raises:
        Failure: it did not work; the exit code says which kind of failure it was.
    """
    paths = Paths.from_environment()

    async def run() -> T:
        return await work(Images(paths.images, paths.config / "registries.yaml"))

    try:
        return asyncio.run(run())
    except InvalidReference as error:
        raise Failure(str(error), USAGE) from None
    except ImageNotFound as error:
        raise Failure(str(error), NOT_FOUND) from None
    except RegistryUnavailable as error:
        raise Failure(str(error), UNAVAILABLE) from None
    except ImageError as error:
        raise Failure(str(error)) from None


def image_rows(images: list[Image]) -> list[list[str]]:
    """The table of images, a line for each name."""
    rows = [["NAME", "IMAGE ID", "SIZE"]]
    for each in images:
        identity = each.id.removeprefix("sha256:")[:_ID_DIGITS]
        rows += [[name, identity, human_size(each.size)] for name in each.names or ("<none>",)]
    return rows


def human_size(size: int) -> str:
    """Bytes in decimal units, as ``12.3 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _plain(each: Image) -> dict[str, Any]:
    return {"id": each.id, "digest": each.digest, "names": list(each.names), "size": each.size}
