"""Archives of arrays: bombs, flips, and what nobody asked for."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from qhopfield.circuits import FilteredMemory, ModernHopfield, RecallResult, recall
from qhopfield.circuits.common import archive
from qhopfield.circuits.common.archive import read_archive, write_archive

BOMB = pytest.mark.fault(
    "an .npz of 2 MB inflated to 2 GB, for an entry nobody asked for",
    kind="a small file takes all memory",
)
PATTERNS = [[1, 1, 1, -1], [1, -1, 1, -1]]


def with_entry(path, name, shape, data, dtype="|i1"):
    """Adds or replaces an entry whose header says any shape."""
    header = io.BytesIO()
    said = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, said)
    with zipfile.ZipFile(path) as old:
        kept = {each: old.read(each) for each in old.namelist() if each != f"{name}.npy"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for each, content in kept.items():
            new.writestr(each, content)
        with new.open(f"{name}.npy", "w") as file:
            file.write(header.getvalue())
            for _ in range(data // 10**6):
                file.write(bytes(10**6))
            file.write(bytes(data % 10**6))


def peak(call):
    """The most memory that a call takes, and what it raises."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1], None
    except ValueError as error:
        return tracemalloc.get_traced_memory()[1], str(error)
    finally:
        tracemalloc.stop()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "r.npz"
    recall(ModernHopfield(PATTERNS), PATTERNS, FilteredMemory(), exact=True).save(path)
    return path


@BOMB
def test_what_nobody_asked_for_is_left_in_the_file(saved):
    with_entry(saved, "extra", (60_000_000,), 60_000_000)
    memory, error = peak(lambda: RecallResult.load(saved))
    assert error is None and memory < 5e6


@BOMB
@pytest.mark.parametrize(
    ("name", "shape", "data", "dtype"),
    [
        ("weights", (60_000_000,), 60_000_000, "|i1"),  # more than such a file may hold
        ("weights", (2**40,), 1000, "|i1"),  # says more than there is
        ("weights", (2**62, 2**62), 1000, "<f8"),
        ("weights", (-5,), 0, "|i1"),
        ("weights", (3,), 60_000_000, "|i1"),  # goes on behind its end
        ("header", (), 100_000_000, "|i1"),
        ("probes", (2, 4), 10, "|O"),
    ],
)
def test_a_bomb_is_refused_before_it_inflates(saved, name, shape, data, dtype, monkeypatch):
    monkeypatch.setattr(archive, "_FREE_BYTES", 1 << 20)
    with_entry(saved, name, shape, data, dtype)
    memory, error = peak(lambda: RecallResult.load(saved))
    assert "r.npz is no qhopfield.RecallResult, or is damaged" in error
    assert memory < 5e6


def test_large_archives_that_are_none_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_FREE_BYTES", 1 << 10)
    arrays = {"a": np.random.default_rng(1).integers(0, 256, 10**6, dtype=np.uint8)}
    write_archive(tmp_path / "a.npz", "test", 1, {"more": [1]}, arrays)
    header, found = read_archive(tmp_path / "a.npz", "test", 1, ["a", "b"])
    assert header == {"more": [1]} and list(found) == ["a"]
    np.testing.assert_array_equal(found["a"], arrays["a"])


@pytest.mark.fault(
    "damaged results raised errors of other kinds",
    kind="a file that a run goes on from is damaged",
)
def test_any_flipped_bit_of_a_result_is_found_or_harmless(saved):
    sound, expected = saved.read_bytes(), RecallResult.load(saved)
    for bit in np.random.default_rng(1).integers(0, 8 * len(sound), size=400):
        broken = bytearray(sound)
        broken[bit // 8] ^= 1 << int(bit % 8)
        saved.write_bytes(broken)
        try:
            found = RecallResult.load(saved)
        except ValueError as error:
            assert "r.npz" in str(error)
        else:
            np.testing.assert_array_equal(found.probabilities, expected.probabilities)
            np.testing.assert_array_equal(found.probes, expected.probes)
            assert (found.method, found.shots) == (expected.method, expected.shots)
