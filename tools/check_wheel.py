"""Builds the source distribution, the wheel from it, and tries that in an empty environment.

The command answers, every module imports, the eBPF programs are in it as ``bpf/`` has them and the kernel takes them.

Usage: python tools/check_wheel.py
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMPORT_ALL = """
import importlib, pkgutil, k3py
names = [m.name for m in pkgutil.walk_packages(k3py.__path__, 'k3py.') if not m.name.endswith('__main__')]
for name in names:
    importlib.import_module(name)
print(len(names), 'modules import')
"""
# Programs are loaded with constants of zeros, which is what they hold before anybody fills them in.
LOAD_ALL = """
import errno, sys
from k3py.vpc.bpf import loader
from k3py.vpc.bpf.errors import BpfError
for name in sys.argv[1:]:
    parsed = loader.read_object(name)
    try:
        with loader.Loaded(parsed, {}, {}) as loaded:
            print(name, 'loads:', ', '.join(loaded.programs))
    except BpfError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS):
            raise
        print(name, 'is whole; this kernel lets nobody here try it')
"""


def run(*command: str | Path) -> str:
    """Run a command; its output. What it says on failure is shown."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, cwd="/")
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(sys.executable, "-m", "build", "-q", "--outdir", folder, ROOT)
        wheel = next(folder.glob("*.whl"))
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv/bin/python"
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
        print(f"{wheel.name}: {wheel.stat().st_size // 1024} KiB")
        print(run(folder / "venv/bin/k3py", "--version"))
        print(run(python, "-c", IMPORT_ALL))
        programs = sorted(each.name.removesuffix(".bpf.c") for each in (ROOT / "bpf").glob("*.bpf.c"))
        print(run(python, "-c", LOAD_ALL, *programs))


if __name__ == "__main__":
    main()
