"""Files are written whole or not at all, through links and into pipes as they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from qhopfield.circuits.common import files
from qhopfield.circuits.common.files import check_writable, is_standard_output, whole_file

KIND = "an output replaces something else than a file's content"


def put(path, content=b"new"):
    with whole_file(path) as file:
        file.write(content)


def test_a_new_file_gets_the_rights_of_a_plain_open(tmp_path):
    put(tmp_path / "ours")
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").read_bytes() == b"new"
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.fault("a file of mode 0600 became 0644", kind=KIND)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    put(path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.fault("a file of mode 0600 became 0644", kind=KIND)
def test_the_successor_of_a_private_file_is_private_from_the_start(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.touch(mode=0o600)
    # The moment before it gets the rights of the file that it replaces.
    monkeypatch.setattr(files, "_keep_rights", lambda *_: None)
    with whole_file(path) as file:
        (other,) = set(tmp_path.iterdir()) - {path}
        assert stat.S_IMODE(other.stat().st_mode) == 0o600
        file.write(b"secret")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
@pytest.mark.fault("a file of another owner became the writer's", kind=KIND)
def test_a_file_keeps_its_owner(tmp_path):
    path = tmp_path / "file"
    path.touch()
    os.chown(path, 12345, 23456)
    put(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.fault("a symbolic link became a file", kind=KIND)
@pytest.mark.parametrize("there", [True, False], ids=["target", "dangling"])
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_a_link_stays_and_its_target_is_written(tmp_path, there, absolute):
    (tmp_path / "data").mkdir()
    target = tmp_path / "data" / "real"
    if there:
        target.write_bytes(b"old")
        target.chmod(0o600)
    first, second = tmp_path / "first", tmp_path / "second"
    first.symlink_to(target if absolute else os.path.join("data", "real"))
    second.symlink_to(first if absolute else "first")
    check_writable(second)
    put(second)
    assert first.is_symlink() and second.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "first", "second"]
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["real"]
    if there:
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.fault("a symbolic link became a file", kind=KIND)
def test_links_in_a_circle_and_into_nowhere_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("missing/file")
    for name in ("a", "c"):
        for write in (put, check_writable):
            with pytest.raises(OSError, match=r"symbolic links|folder .*missing does not exist"):
                write(tmp_path / name)
        assert (tmp_path / name).is_symlink()


def test_an_error_leaves_what_stood_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.fault("a pipe became a file and its reader got nothing", kind=KIND)
def test_a_pipe_gets_the_content_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to("pipe")
    for path in (pipe, tmp_path / "link"):
        got = []
        reader = threading.Thread(target=lambda got=got: got.append(pipe.read_bytes()))
        reader.start()
        put(path, b"x" * 100_000)  # more than a pipe holds
        reader.join(20)
        assert got == [b"x" * 100_000]
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "pipe"]


@pytest.mark.fault("a pipe became a file and its reader got nothing", kind=KIND)
def test_nothing_goes_into_a_pipe_after_an_error(tmp_path):
    ours, theirs = os.pipe()
    try:
        with pytest.raises(RuntimeError), whole_file(f"/dev/fd/{theirs}") as file:
            file.write(b"half")
            raise RuntimeError
        os.close(theirs)
        assert os.read(ours, 10) == b""
    finally:
        os.close(ours)


@pytest.mark.fault("/dev/stdout was replaced by a file", kind=KIND)
@pytest.mark.parametrize("into", ["pipe", "file"])
def test_standard_output_is_written_behind_what_was_printed(tmp_path, into):
    # Only ever in a subprocess of its own, whose output is a pipe or a file of this test.
    (tmp_path / "link").symlink_to("/dev/stdout")
    names = ["-", "/dev/stdout", "/dev/fd/1", "link"]
    code = (
        "import sys\n"
        "from qhopfield.circuits.common.files import check_writable, whole_file\n"
        "for name in sys.argv[1:]:\n"
        "    print('text')\n"
        "    check_writable(name)\n"
        "    with whole_file(name) as file:\n"
        "        file.write(name.encode() + b'\\n')\n"
    )
    before = os.lstat("/dev/stdout").st_mode
    with (tmp_path / "out").open("wb") as file:
        run = subprocess.run(
            [sys.executable, "-c", code, *names],
            cwd=tmp_path,
            check=True,
            stdout=subprocess.PIPE if into == "pipe" else file,
        )
    printed = run.stdout if into == "pipe" else (tmp_path / "out").read_bytes()
    assert printed == "".join(f"text\n{name}\n" for name in names).encode()
    assert os.lstat("/dev/stdout").st_mode == before
    assert {each.name for each in tmp_path.iterdir()} == {"link", "out"}


def test_text_only_output_takes_text_and_refuses_bytes(capsys, monkeypatch):
    import io

    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    put("-", "\N{GREEK SMALL LETTER BETA}".encode())
    assert text.getvalue() == "\N{GREEK SMALL LETTER BETA}"
    with pytest.raises(OSError, match="give a file name"):
        put("-", b"\xff")


def test_what_means_standard_output(tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    assert is_standard_output("-") and is_standard_output("/dev/stdout")
    assert is_standard_output(tmp_path / "link")
    assert not is_standard_output("/dev/stderr") and not is_standard_output(tmp_path / "-")


def test_a_hard_link_is_parted(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"old")
    os.link(first, second)
    put(first)
    assert (first.read_bytes(), second.read_bytes()) == (b"new", b"old")


@pytest.mark.fault("a read-only folder was found out after the work", kind="found out too late")
def test_what_cannot_be_written_is_found_out_beforehand(tmp_path, monkeypatch):
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        check_writable(tmp_path / "no" / "file")
    if os.path.isdir("/proc/self"):
        with pytest.raises(OSError, match="folder /proc cannot be written"):
            check_writable("/proc/file")  # nobody can, not even root
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    for write in (put, check_writable):
        with pytest.raises(PermissionError, match="read-only"):
            write(path)
    assert path.read_bytes() == b"old"


def test_checking_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / ("long" * 60))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "the umask was 0 for a moment", kind="settings of the process changed in passing"
)
def test_the_umask_is_never_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", None)
    put(tmp_path / "file")
