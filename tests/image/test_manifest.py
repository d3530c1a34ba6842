"""Manifests are read strictly, and the right platform is chosen."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.image.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from k3py.image.manifest import (
    DOCKER_INDEX,
    LAYERS_MAX,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Configuration,
    Descriptor,
    Index,
    Manifest,
    Platform,
    check_platform,
    choose,
    decode_configuration,
    decode_document,
)

DIGEST = "sha256:" + "0" * 64
CONFIG = {"mediaType": OCI_CONFIG, "digest": DIGEST, "size": 2}
LAYER = {"mediaType": OCI_LAYER, "digest": DIGEST, "size": 3}


def encode(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_manifest_and_an_index_are_read() -> None:
    manifest = decode_document(encode(schemaVersion=2, config=CONFIG, layers=[LAYER]), OCI_MANIFEST + "; charset=utf-8")
    assert manifest == Manifest(Descriptor(OCI_CONFIG, DIGEST, 2), (Descriptor(OCI_LAYER, DIGEST, 3),))
    index = decode_document(encode(schemaVersion=2, mediaType=DOCKER_INDEX, manifests=[LAYER]))
    assert index == Index((Descriptor(OCI_LAYER, DIGEST, 3),))


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", CorruptImage, "cannot be read"),
        (b"[" * 100_000, CorruptImage, "cannot be read"),
        (encode(), CorruptImage, "names no configuration"),
        (encode(config=CONFIG), CorruptImage, "names no configuration"),
        (encode(config=CONFIG, layers=[LAYER], mediaType=OCI_INDEX), CorruptImage, "names no configuration"),
        (encode(config=CONFIG, layers=[LAYER], manifests=[]), CorruptImage, "index as well"),
        (encode(manifests=[LAYER], mediaType=OCI_MANIFEST), CorruptImage, "an index calls itself"),
        (encode(schemaVersion=1, fsLayers=[]), UnsupportedImage, "schema 1"),
        (encode(config=CONFIG | {"mediaType": "application/helm"}, layers=[]), UnsupportedImage, "no container"),
        (encode(config=CONFIG, layers=[LAYER | {"mediaType": "x+encrypted"}]), UnsupportedImage, "unknown type"),
        (encode(config=CONFIG | {"digest": "sha256:../../x"}, layers=[]), CorruptImage, "no sha256 digest"),
        (encode(config=CONFIG, layers=[LAYER | {"digest": "sha512:" + "0" * 128}]), CorruptImage, "no sha256 digest"),
        (encode(config=CONFIG, layers=[LAYER | {"size": -1}]), CorruptImage, "size of a layer is -1"),
        (encode(config=CONFIG, layers=[LAYER | {"size": "3"}]), CorruptImage, "cannot be read"),
        (encode(config=CONFIG, layers=[LAYER] * (LAYERS_MAX + 1)), ImageTooLarge, "more than 500"),
    ],
)
def test_another_document_is_refused(data: bytes, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        decode_document(data)


def test_as_many_layers_as_overlayfs_takes_are_taken() -> None:
    assert isinstance(decode_document(encode(config=CONFIG, layers=[LAYER] * LAYERS_MAX)), Manifest)


def test_a_configuration_with_nulls_is_read() -> None:
    data = encode(config={"Cmd": None, "Env": None, "Labels": None, "Volumes": None}, rootfs={"diff_ids": [DIGEST]})
    assert decode_configuration(data, 1).diff_ids == [DIGEST]
    with pytest.raises(CorruptImage, match="2 layers, but 1 diff ids"):
        decode_configuration(data, 2)
    with pytest.raises(CorruptImage, match="is no sha256 digest"):
        decode_configuration(encode(rootfs={"diff_ids": ["sha256:../x"]}), 1)


PLATFORMS = [
    ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
    ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], 1),
    ("linux/amd64", ["linux/amd64/v3"], None),
    ("linux/amd64", ["linux/amd64/v1"], 0),
    ("linux/amd64", ["windows/amd64"], None),
    ("linux/arm64/v8", ["linux/arm64"], 0),
    ("linux/arm64/v8", ["linux/arm64", "linux/arm64/v8"], 1),
    ("linux/arm64/v8", ["linux/arm64/v9"], None),
    ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64/v8"], 1),
    ("linux/arm/v6", ["linux/arm/v7"], None),
    ("linux/amd64", ["unknown/unknown", "linux/amd64"], 1),
    ("linux/amd64", [""], 0),
    ("linux/amd64", ["", ""], None),
    ("linux/amd64", [], None),
]


@pytest.mark.parametrize(("wanted", "offered", "chosen"), PLATFORMS)
def test_the_best_variant_is_chosen(wanted: str, offered: list[str], chosen: int | None) -> None:
    index = Index([Descriptor("", DIGEST, n, Platform(*o.split("/")) if o else None) for n, o in enumerate(offered)])
    if chosen is None:
        with pytest.raises(UnsupportedImage, match=f"no variant for {wanted}"):
            choose(index, Platform(*wanted.split("/")))
    else:
        assert choose(index, Platform(*wanted.split("/"))).size == chosen


def test_an_image_for_another_machine_is_refused() -> None:
    check_platform(Configuration(), Platform("linux", "amd64"))
    with pytest.raises(UnsupportedImage, match="it is for linux/arm64, this node is linux/amd64"):
        check_platform(Configuration(architecture="arm64"), Platform("linux", "amd64"))


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just(DIGEST) | st.just(OCI_LAYER),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["config", "layers", "manifests", "mediaType", "digest", "size", "rootfs", "diff_ids", "platform"]), inner),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(values)
def test_any_json_is_read_or_refused(value: object) -> None:
    data = json.dumps(value).encode()
    with contextlib.suppress(CorruptImage, UnsupportedImage):
        decode_document(data)
    with contextlib.suppress(CorruptImage):
        decode_configuration(data, 1)
