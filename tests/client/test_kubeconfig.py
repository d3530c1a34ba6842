import ssl
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.client.kubeconfig import KUBECONFIG_BYTES_MAX, KubeconfigError, load_kubeconfig
from k3py.pki.csr import key_pem, new_key
from k3py.pki.identity import ADMIN
from k3py.pki.kubeconfig import write_kubeconfig
from tests.pki.helpers import StoppedClock, authority


def write(path: Path, **changes: object) -> Path:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://s:6443"}}],
        "users": [{"name": "u", "user": {"token": "t0k"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "current-context": "x",
        **changes,
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_what_the_server_writes_the_command_line_reads(tmp_path: Path) -> None:
    ca, key = authority(StoppedClock(time.time())), new_key()
    certificate = ca.issue_client(key.public_key(), ADMIN)
    path = tmp_path / "admin.kubeconfig"
    write_kubeconfig(path, "https://127.0.0.1:6443", ca.certificate_pem, certificate, key_pem(key))
    access = load_kubeconfig(path)
    assert (access.server, access.namespace) == ("https://127.0.0.1:6443", "default")
    assert (access.ca_pem, access.certificate_pem) == (ca.certificate_pem, certificate)
    assert access.tls().verify_mode is ssl.CERT_REQUIRED
    assert b"PRIVATE" not in repr(access).encode()


def test_token_namespace_and_another_context(tmp_path: Path) -> None:
    path = write(tmp_path / "config")
    access = load_kubeconfig(path)
    assert (access.token, access.namespace, access.context_name) == ("t0k", "shop", "x")
    assert "t0k" not in repr(access)
    with pytest.raises(KubeconfigError, match=r"cannot find context 'y'.*it has: x"):
        load_kubeconfig(path, "y")


def test_files_are_found_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(authority().certificate_pem)
    (tmp_path / "token").write_text("from-file\n")
    path = write(
        tmp_path / "config",
        clusters=[{"name": "c", "cluster": {"server": "https://s", "certificate-authority": "ca.pem"}}],
        users=[{"name": "u", "user": {"tokenFile": "token"}}],
    )
    access = load_kubeconfig(path)
    assert access.ca_pem.startswith(b"-----BEGIN")
    assert access.token == "from-file"


def cluster(**values: object) -> dict[str, object]:
    return {"clusters": [{"name": "c", "cluster": {"server": "https://s", **values}}]}


def user(**values: object) -> dict[str, object]:
    return {"users": [{"name": "u", "user": values}]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"current-context": ""}, "no current-context"),
        ({"clusters": None}, "it has: none"),
        (cluster(server="http://s"), "must be https"),
        (cluster(**{"tls-server-name": "other"}), "not supported"),
        (cluster(**{"certificate-authority-data": "%%%"}), "no base64"),
        (cluster(**{"certificate-authority": "missing.pem"}), "missing.pem"),
        (user(exec={"command": "aws"}), "only client certificates and tokens"),
        (user(**{"client-certificate-data": "QQ=="}), "belong together"),
        ({"users": 3}, "no kubeconfig"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(KubeconfigError, match=words):
        load_kubeconfig(write(tmp_path / "config", **changes))


def test_a_file_that_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        load_kubeconfig(tmp_path / "nothing")
    (tmp_path / "huge").write_bytes(b"#" * (KUBECONFIG_BYTES_MAX + 1))
    with pytest.raises(KubeconfigError, match="more than"):
        load_kubeconfig(tmp_path / "huge")


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    access = load_kubeconfig(write(tmp_path / "config", **cluster(**{"certificate-authority-data": "QUJD"})))
    with pytest.raises(KubeconfigError, match="cannot use the credentials"):
        access.tls()
    assert (
        load_kubeconfig(write(tmp_path / "config", **cluster(**{"insecure-skip-tls-verify": True}))).tls().verify_mode
        is ssl.CERT_NONE
    )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120))
def test_garbage_is_no_kubeconfig(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage"
    path.write_bytes(data)
    with pytest.raises(KubeconfigError):
        load_kubeconfig(path)
