"""Unpacking: what is below the root and nothing else, all of it or nothing."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile

import pytest

from experiments.data import archives
from experiments.data.archives import ArchiveError, unpack

FILES = {"top/train/a/1.jpg": b"one", "top/val/b/2.jpg": b"two" * 200_000, "other/3.jpg": b"3"}


def make_tar(path, files, *special, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        folder = tarfile.TarInfo("top")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o000  # has no effect
            archive.addfile(member, io.BytesIO(content))
        for name, kind in special:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return path


def make_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


MAKERS = pytest.mark.parametrize("make", [make_tar, make_zip])


@MAKERS
def test_unpacks_what_is_below_the_root(tmp_path, make):
    archive = make(tmp_path / "archive", FILES)
    folder = unpack(archive, tmp_path / "deep" / "tree", "top")
    assert tree(folder) == {"train/a/1.jpg": b"one", "val/b/2.jpg": b"two" * 200_000}
    assert os.access(folder / "train/a/1.jpg", os.R_OK)
    assert tree(unpack(archive, tmp_path / "all")) == FILES


def test_names_may_begin_with_the_current_folder(tmp_path):
    files = {f"./{name}": content for name, content in FILES.items()}
    assert len(tree(unpack(make_tar(tmp_path / "a.tar", files), tmp_path / "t", "top"))) == 2


def test_unpacks_once_and_starts_again_after_an_interruption(tmp_path, monkeypatch):
    archive = make_tar(tmp_path / "a.tgz", FILES)
    left = tmp_path / ".tree.part" / "train"  # by a process that was killed
    left.mkdir(parents=True)
    (left / "half.jpg").touch()

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archives.os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, tmp_path / "tree", "top")
    assert sorted(os.listdir(tmp_path)) == ["a.tgz"]
    assert len(tree(unpack(archive, tmp_path / "tree", "top"))) == 2
    archive.unlink()
    assert len(tree(unpack(archive, tmp_path / "tree", "top"))) == 2


@MAKERS
@pytest.mark.parametrize("name", ["../x", "top/../../x", "/tmp/x", "top\\..\\x"])
def test_refuses_paths_that_lead_out(tmp_path, make, name):
    archive = make(tmp_path / "archive", {**FILES, name: b"evil"})
    with pytest.raises(ArchiveError, match="would be written outside the folder") as raised:
        unpack(archive, tmp_path / "in" / "tree", "top")
    assert str(archive) in str(raised.value)
    assert os.listdir(tmp_path / "in") == [] and sorted(os.listdir(tmp_path)) == ["archive", "in"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_refuses_links_and_devices(tmp_path, kind):
    archive = make_tar(tmp_path / "a.tgz", FILES, ("top/train/a/link", kind))
    with pytest.raises(ArchiveError, match="top/train/a/link' is a link or a device"):
        unpack(archive, tmp_path / "tree", "top")


def test_refuses_links_in_a_zip_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("top/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="top/link' is a link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "tree", "top")


@MAKERS
def test_members_are_bounded(tmp_path, make, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 599_999)
    archive = make(tmp_path / "archive", FILES)
    with pytest.raises(ArchiveError, match=r"2.jpg' has 600000 bytes, more than 599999"):
        unpack(archive, tmp_path / "tree", "top")


@MAKERS
def test_a_member_twice_is_refused(tmp_path, make):
    archive = make(tmp_path / "archive", {"top/a.jpg": b"1", "./top/a.jpg": b"2"})
    with pytest.raises(ArchiveError, match="File exists"):
        unpack(archive, tmp_path / "tree", "top")


@MAKERS
def test_damaged_archives(tmp_path, make):
    archive = make(tmp_path / "archive", {f"top/{n}.jpg": os.urandom(50_000) for n in range(4)})
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    for damaged in (bytes(content), content[: len(content) // 2], b"", b"no archive"):
        archive.write_bytes(damaged)
        with pytest.raises(ArchiveError, match=f"{archive} cannot be unpacked: .*delete it"):
            unpack(archive, tmp_path / "tree", "top")
        assert sorted(os.listdir(tmp_path)) == ["archive"]


def test_a_damaged_header_is_not_the_end(tmp_path):
    archive = make_tar(tmp_path / "a.tar", FILES, mode="w")
    content = bytearray(archive.read_bytes())
    content[content.index(b"top/val")] ^= 1  # no longer what the checksum of the header says
    archive.write_bytes(content)
    with pytest.raises(ArchiveError, match="it is damaged before its end"):
        unpack(archive, tmp_path / "tree", "top")


def test_other_content_and_no_archive(tmp_path):
    with pytest.raises(ArchiveError, match="it has no files below elsewhere"):
        unpack(make_zip(tmp_path / "a.zip", FILES), tmp_path / "tree", "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"b\.zip does not exist: fetch the data set first"):
        unpack(tmp_path / "b.zip", tmp_path / "tree")
