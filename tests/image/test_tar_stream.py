"""The tar reader reads what tar writers write, and answers anything else with one kind of error."""

import contextlib
import io
import tarfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k3py.image import tar_stream
from k3py.image.errors import CorruptImage
from k3py.image.tar_stream import ChunkReader, Entry, TarStream, parse_pax
from tests.image.making import Member, file, folder, hard_link, symlink, tar_of


def reader(data: bytes, chunk: int = 700) -> ChunkReader:
    chunks = iter([data[at : at + chunk] for at in range(0, len(data), chunk)])
    return ChunkReader(lambda: next(chunks, b""))


def read(data: bytes, chunk: int = 700) -> list[tuple[Entry, bytes]]:
    archive = TarStream(reader(data, chunk))
    return [(entry, b"".join(map(bytes, archive.contents()))) for entry in archive]


def written(format_: int, *names: str, data: bytes = b"abc") -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=format_) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.mtime = len(data), 2_000_000 if format_ == tarfile.USTAR_FORMAT else 2**31, 7
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("chunk", [1, 511, 512, 1 << 20])
def test_every_format_and_every_cut_gives_the_same(format_: int, chunk: int) -> None:
    names = ["a", "d" * 90 + "/" + "f" * 90, "end"]
    got = read(written(format_, *names), chunk)
    assert [entry.name.decode() for entry, _ in got] == names
    assert all(data == b"abc" and entry.mtime_ns == 7_000_000_000 and entry.uid >= 2_000_000 for entry, data in got)


def test_gnu_names_and_links_may_be_long() -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo("n" * 300)
        info.type, info.linkname = tarfile.SYMTYPE, "l" * 300
        archive.addfile(info)
    [(entry, _)] = read(output.getvalue())
    assert (entry.name, entry.link, entry.kind) == (b"n" * 300, b"l" * 300, tar_stream.SYMBOLIC_LINK)


def test_contents_that_nobody_takes_are_passed_over() -> None:
    archive = TarStream(reader(tar_of(file("a", b"x" * 5000), file("b"))))
    assert [entry.name for entry in archive] == [b"a", b"b"]


def test_a_global_header_and_an_unknown_kind_mean_nothing() -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "git"}) as archive:
        archive.addfile(tarfile.TarInfo("a"))
        odd = tarfile.TarInfo("odd")
        odd.type, odd.size = b"V", 600
        archive.addfile(odd, io.BytesIO(bytes(600)))
        archive.addfile(tarfile.TarInfo("b"))
    assert [entry.name for entry, _ in read(output.getvalue())] == [b"a", b"b"]


def test_a_long_extension_is_refused_before_it_is_read() -> None:
    bound = tar_stream.EXTENSION_BYTES_MAX
    record = b"x=" + b"y" * (bound - 10)
    length = len(record) + 2 + len(str(bound))
    fits = f"{length} ".encode() + record + b"\n"
    assert parse_pax(fits) == {b"x": b"y" * (bound - 10)}
    header = bytearray(tarfile.TarInfo("p").tobuf())
    info = tarfile.TarInfo("p")
    info.type, info.size = tarfile.XHDTYPE, bound + 1
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    with pytest.raises(CorruptImage, match=f"beyond {bound}"):
        read(bytes(header))


def test_endless_extensions_are_refused() -> None:
    info = tarfile.TarInfo("p")
    info.type, info.size = tarfile.XHDTYPE, 0
    with pytest.raises(CorruptImage, match="more than 8 header extensions"):
        read(info.tobuf(tarfile.USTAR_FORMAT) * 9)


def test_sparse_members_are_refused() -> None:
    info = tarfile.TarInfo("p")
    info.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(CorruptImage, match="sparse"):
        read(info.tobuf(tarfile.GNU_FORMAT))


members = st.builds(
    Member,
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=120),
    st.sampled_from([tarfile.REGTYPE]),
    st.binary(max_size=1500),
    st.integers(0, 0o7777),
    uid=st.integers(0, 2**32),
    gid=st.integers(0, 2**32),
    xattrs=st.dictionaries(st.sampled_from(["user.a", "user.b"]), st.binary(max_size=40)),
    mtime=st.integers(-(2**33), 2**34),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(members, max_size=5), st.integers(1, 2000))
def test_what_the_standard_library_writes_is_read_back(made: list[Member], chunk: int) -> None:
    got = read(tar_of(*made), chunk)
    assert [(e.name.decode(), data, e.mode, e.uid, e.gid, e.mtime_ns) for e, data in got] == [
        (m.name, m.data, m.mode, m.uid, m.gid, m.mtime * 1_000_000_000) for m in made
    ]
    assert [{k.decode(): v for k, v in e.xattrs.items()} for e, _ in got] == [dict(m.xattrs) for m in made]


SEED = tar_of(
    folder("d"), file("d/f" + "x" * 120, b"data", xattrs={"user.a": b"1"}), symlink("s", "d"), hard_link("h", "s")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(SEED)))
def test_a_damaged_archive_is_read_or_refused(changes: list[tuple[int, int]], end: int) -> None:
    data = bytearray(SEED)
    for at, value in changes:
        data[at] = value
    for block in range(0, len(data), 512):
        mend_checksum(data, block)
    with contextlib.suppress(CorruptImage):
        read(bytes(data[:end]))


def mend_checksum(data: bytearray, at: int) -> None:
    """Make the fuzzer reach what lies behind the checksum."""
    if data[at + 257 : at + 262] == b"ustar":
        data[at + 148 : at + 156] = b" " * 8
        data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
@example(b"9999999999 a=b\n")
@example(b"5 a=b")
@example(b"0 a=b\n")
@example(b"-1 a=\n")
@example("\u0666 a=b\n".encode())
def test_any_bytes_are_pax_records_or_refused(data: bytes) -> None:
    try:
        records = parse_pax(data)
    except CorruptImage:
        return
    assert sum(len(k) + len(v) for k, v in records.items()) <= len(data)
