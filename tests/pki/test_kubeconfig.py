import base64
import stat
from pathlib import Path

import yaml

from k3py.pki.kubeconfig import write_kubeconfig


def test_the_admins_file_is_private_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "etc/admin.kubeconfig"
    write_kubeconfig(path, "https://127.0.0.1:6443", b"CA", b"CERT", b"KEY")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["current-context"] == config["contexts"][0]["name"]
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    user = config["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == b"KEY"
    assert [p.name for p in path.parent.iterdir()] == ["admin.kubeconfig"]
