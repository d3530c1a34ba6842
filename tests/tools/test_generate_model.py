"""What is checked in is what the generator writes."""

import filecmp
import subprocess
import sys
from pathlib import Path

from tools.model.go_types import GoField
from tools.model.kinds import definition_name
from tools.model.structs import Writer, camel, snake

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "k3py/model/generated"


def test_the_generated_files_are_nobodys_handwork(tmp_path: Path) -> None:
    output = tmp_path / "generated"
    command = [sys.executable, ROOT / "tools/generate_model.py", "--output", output]
    subprocess.run(command, check=True, capture_output=True)
    made = {path.name for path in output.iterdir()}
    kept = {path.name for path in GENERATED.iterdir() if path.is_file()}
    assert made == kept
    _, differing, wrong = filecmp.cmpfiles(output, GENERATED, made, shallow=False)
    assert (differing, wrong) == ([], [])


def test_names_become_python_and_come_back() -> None:
    for wire, python in [
        ("podIPs", "pod_ips"),
        ("hostIPC", "host_ipc"),
        ("nodeName", "node_name"),
        ("from", "from_"),
        ("nonResourceURLs", "non_resource_urls"),
        ("setHostnameAsFQDN", "set_hostname_as_fqdn"),
        ("fsGroup", "fs_group"),
    ]:
        assert snake(wire) == python
    assert camel("node_name") == "nodeName"
    assert definition_name("k8s.io/api/core/v1.Pod") == "io.k8s.api.core.v1.Pod"


def _field(name: str, kind: str, *options: str) -> GoField:
    return GoField(1, "bytes", False, name, frozenset(options), kind)


def test_gos_rules_for_zero_values() -> None:
    meta = "k8s.io/apimachinery/pkg/apis/meta/v1.Time"
    types = {
        "k8s.io/api/core/v1.Inner": [_field("x", "string", "omitempty")],
        "k8s.io/api/core/v1.Thing": [
            _field("pointer", "*int32", "omitempty"),
            _field("left", "string", "omitempty"),
            _field("kept", "string"),
            _field("inner", "k8s.io/api/core/v1.Inner", "omitempty"),
            _field("", "k8s.io/api/core/v1.Inner", "inline"),
            _field("time", meta, "omitempty"),
            _field("zeroTime", meta, "omitempty", "omitzero"),
            _field("data", "map[string][]uint8", "omitempty"),
        ],
    }
    writer = Writer("core_v1", types)
    writer.add("k8s.io/api/core/v1.Thing", None)
    source = writer.source("1.0")
    for line in [
        "pointer: Int32 | None = None",
        'left: str = ""',
        "kept: str = field(default_factory=empty_string)",
        "inner: Inner = field(default_factory=Inner)",
        'x: str = ""',
        "time: str | None = field(default_factory=null)",
        'zero_time: str = ""',
        "data: dict[str, bytes] = {}",
    ]:
        assert f"    {line}\n" in source, line
