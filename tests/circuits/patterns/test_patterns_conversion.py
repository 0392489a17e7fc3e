"""Zeros and ones, and pictures, become spins by one convention; what is ambiguous is told."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qhopfield.circuits import (
    ExpFilter,
    Hopfield,
    ModernHopfield,
    associate,
    classify,
    recall,
    softmax_recall,
)
from qhopfield.circuits.patterns import (
    AmbiguousDataWarning,
    check_patterns,
    check_probes,
    from_binary,
    from_images,
    load_patterns,
    load_set,
    random_patterns,
    to_spins,
)

SPINS = np.array([[1, -1, 1, 1], [-1, 1, 1, -1], [1, 1, -1, -1]], dtype=np.int8)
ONES = (SPINS > 0).astype(int)

# Zeros and ones.


@pytest.mark.fault("a file read 1 as +1 and to_spins as -1", kind="polarity of data")
@pytest.mark.parametrize("dtype", [bool, int, np.uint8, float])
def test_one_polarity_for_data_and_another_for_measured_bits(tmp_path, dtype):
    values = ONES.astype(dtype)
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(from_binary(values), SPINS)
    assert np.array_equal(load_patterns(tmp_path / "a.npy").patterns, SPINS)
    assert np.array_equal(from_images(values[:, None, :]), SPINS)
    assert np.array_equal(to_spins(values), -SPINS)
    assert from_binary(values).dtype == np.int8
    assert from_binary(True).shape == ()


@pytest.mark.fault("refusals named no conversion", kind="messages about data")
@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (ONES.astype(bool), r"from_binary\(patterns\)"),
        (ONES, r"from_binary\(patterns\)"),
        (ONES * 1.0, r"from_binary\(patterns\)"),
        (ONES * 255, r"from_binary\(patterns >= 128\)"),
        ((ONES * 255).astype(np.uint8), "from_images"),
        (SPINS.reshape(3, 2, 2), r"patterns\.reshape\(len\(patterns\), -1\)"),
        (ONES.reshape(3, 2, 2) * 255, r"from_images\(patterns, threshold=0.5\)"),
        (ONES.reshape(3, 2, 2).astype(bool), r"from_binary|from_images"),
    ],
)
def test_refusals_name_the_conversion(values, hint):
    for call in (check_patterns, Hopfield.store):
        with pytest.raises((TypeError, ValueError), match=hint):
            call(values)
    with pytest.raises(ValueError, match="These are spins already"):
        from_binary(SPINS)
    with pytest.raises(ValueError, match=r"from_binary\(probes >= 128\)"):
        check_probes(ONES * 255, 4)


MEMORY = Hopfield.store(SPINS[:2], rule="projection")
ASKED = {
    "recall": lambda probes: recall(MEMORY, probes, shots=2, seed=1).classical_states,
    "recall exact": lambda probes: recall(MEMORY, probes, exact=True).states,
    "model.recall": MEMORY.recall,
    "modern.recall": ModernHopfield(SPINS[:2]).recall,
    "associate": lambda probes: associate(SPINS, SPINS, probes, ExpFilter(1.0), exact=True),
    "classify": lambda probes: classify(SPINS, ["a", "b", "c"], probes, ExpFilter(1.0), exact=True),
    "softmax_recall": lambda probes: softmax_recall(SPINS, probes, beta=1.0),
}


@pytest.mark.fault("probes of 0 and 1 were read as erased and +1", kind="ambiguous data")
@pytest.mark.parametrize("name", ASKED)
def test_probes_of_zeros_and_ones_are_told_of(name):
    for probes in (ONES, ONES[0], [[1, 0, 0, 0]]):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ASKED[name](probes)
        assert [each.category for each in caught] == [AmbiguousDataWarning]
        assert "from_binary(probes)" in str(caught[0].message)
        assert caught[0].filename == __file__
    # What says that it is spins, or has nothing to tell, is not: warnings are errors here.
    for probes in (SPINS, [1, 0, -1, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0.5, 0, 1, 1]):
        ASKED[name](probes)
    ASKED[name]([[1, 0, 0, 1], [1, 1, -1, 1]])  # a batch has one encoding
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AmbiguousDataWarning)
        ASKED[name](ONES)


# Arrays of pictures.


def test_images_become_rows_at_the_threshold():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for threshold in (0.1, 0.5, 1.0):
        bright = (ramp / 255 >= threshold).reshape(1, -1)
        assert np.array_equal(from_images(ramp, threshold=threshold) == 1, bright)
        dark = (1 - ramp / 255 >= threshold).reshape(1, -1)
        assert np.array_equal(from_images(ramp, threshold=threshold, ink="dark") == 1, dark)
    for scaled in (ramp * np.uint16(257), ramp / 255, ramp.astype(np.int64)):
        assert np.array_equal(from_images(scaled), from_images(ramp))
    assert np.array_equal(from_images(ramp * 1.0, maximum=255), from_images(ramp))
    assert np.array_equal(from_images(ramp[0]), from_images(ramp)[0])
    colours = np.repeat(ramp[..., None], 3, axis=-1)
    assert np.array_equal(from_images(colours), from_images(ramp))
    clear = np.concatenate([colours, np.zeros_like(ramp)[..., None]], axis=-1)
    for ink in ("bright", "dark"):
        assert (from_images(clear, ink=ink) == -1).all()


def test_images_are_brought_to_a_size():
    letters = load_set("alphabet")
    pictures = letters.patterns.reshape(-1, 5, 5) > 0
    large = np.kron(pictures, np.ones((3, 4))) * 255
    assert np.array_equal(from_images(large.astype(int), size=(5, 5)), letters.patterns)
    assert np.array_equal(from_images(pictures, size=(15, 20)) > 0, large.reshape(26, -1) > 0)
    half = [[[0, 255, 255]]]  # two of three halves of each new pixel
    assert from_images(half, size=(1, 2), threshold=0.6).tolist() == [[-1, 1]]


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        ([1, 2], {}, ValueError, r"shape \(P, H, W\)"),
        (np.zeros((2, 3, 3, 2)), {}, ValueError, r"3 or 4\) in colour; got shape"),
        (np.zeros((0, 3, 3)), {}, ValueError, "must not be empty"),
        (np.zeros((20, 20, 3)), {}, ValueError, r"one picture in colour: give images\[None\]"),
        (np.full((1, 2, 2), 16.0), {}, ValueError, "say which number is white"),
        (np.full((1, 2, 2), -1), {}, ValueError, "from 0 to maximum=1; got numbers from -1"),
        (np.full((1, 2, 2), np.nan), {}, ValueError, "must hold numbers|say which number"),
        (np.zeros((1, 2, 2)), {"ink": "red"}, ValueError, "ink must be"),
        (np.zeros((1, 2, 2)), {"maximum": 0}, ValueError, "maximum must be above 0"),
        (np.zeros((1, 2, 2)), {"threshold": 0}, ValueError, "threshold must be"),
        (np.zeros((1, 2, 2)), {"size": (1, 2, 3)}, ValueError, r"\(rows, columns\), got 3"),
        (np.zeros((1, 2, 2)), {"size": 3}, TypeError, r"size must be \(rows, columns\)"),
        (np.zeros((1, 2, 2)), {"size": (0, 2)}, ValueError, "size must be >= 1"),
        ("abc", {}, TypeError, "images must hold real numbers"),
    ],
)
def test_bad_images(images, options, error, message):
    with pytest.raises(error, match=message):
        from_images(images, **options)


# Pictures whose contrast is lost.

GREY = np.array([[0, 255, 255], [255, 0, 0]], np.uint8)
INK = [[1, -1, -1], [-1, 1, 1]]


@pytest.mark.fault("pictures became a constant pattern without a word", kind="contrast is lost")
@pytest.mark.parametrize("scale", [1 / 255, 1 / 15, 16, 1])
def test_lost_contrast_is_told_with_its_range_and_a_threshold_that_keeps_it(tmp_path, scale):
    deep = scale >= 1
    pixels = (GREY * scale).astype(np.uint16 if deep else np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    low = 1 - pixels.max() / (65535 if deep else 255)
    with pytest.warns(AmbiguousDataWarning, match=f"from {low:.4g} to 1 .*entry is \\+1") as w:
        assert (load_patterns(tmp_path / "a.png").patterns == 1).all()
    assert w[0].filename == __file__
    advised = float(str(w[0].message).split("such as threshold=")[1].split(",")[0])
    assert load_patterns(tmp_path / "a.png", threshold=advised).image(0).tolist() == INK
    with pytest.warns(AmbiguousDataWarning, match="Picture 0 lost all contrast: its brightness"):
        from_images(pixels[None], maximum=65535)


def test_a_blank_picture_had_no_contrast_to_lose(tmp_path):
    for value in (0, 255):
        Image.fromarray(np.full((2, 2), value, np.uint8)).save(tmp_path / "a.png")
        load_patterns(tmp_path / "a.png")


@pytest.mark.fault("a white letter on nothing became white paper", kind="contrast is lost")
@pytest.mark.parametrize("colour", [0, 255])
def test_what_is_opaque_is_ink_where_colours_tell_nothing(tmp_path, colour):
    pixels = np.full((2, 3, 4), colour, np.uint8)
    pixels[..., 3] = 255 - GREY
    for name in ("a.png", "a.webp"):
        Image.fromarray(pixels).save(tmp_path / name, lossless=True)
        assert load_patterns(tmp_path / name).image(0).tolist() == INK
    Image.fromarray(pixels).convert("LA").save(tmp_path / "b.png")
    assert load_patterns(tmp_path / "b.png").image(0).tolist() == INK


def test_kinds_of_pixels(tmp_path):
    grey = Image.fromarray(GREY)
    palette = Image.fromarray((GREY // 255).astype(np.uint8), mode=None).convert("P")
    palette.putpalette([10, 10, 60, 250, 240, 230])
    palette.save(tmp_path / "p.png")
    grey.convert("CMYK").save(tmp_path / "c.tif")
    Image.fromarray((GREY / 255).astype(np.float32)).save(tmp_path / "f.tif")
    for name in ("p.png", "c.tif", "f.tif"):
        assert load_patterns(tmp_path / name).image(0).tolist() == INK, name
    equal = np.zeros((2, 2, 3), np.uint8)
    equal[0, 0], equal[0, 1], equal[1] = (76, 76, 76), (254, 0, 0), (76, 76, 76)
    Image.fromarray(equal).save(tmp_path / "e.png")
    with pytest.warns(AmbiguousDataWarning, match="its colours differ, and are equally dark"):
        load_patterns(tmp_path / "e.png")


@pytest.mark.fault("a small PNG of 9,000 x 9,000 took 1.5 GB", kind="small files that inflate")
@pytest.mark.parametrize("side", [2100, 9000, 20000])
def test_large_pictures_are_refused_by_their_header(tmp_path, side):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.png is too large for .* 4,194,304 pixels at most"):
        load_patterns(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


# Tables and folders.


@pytest.mark.fault("what pandas writes by default was refused", kind="files as others write them")
@pytest.mark.parametrize("options", [{}, {"index": False}, {"index_label": "id"}])
@pytest.mark.parametrize("neurons", [3, 9])
@pytest.mark.parametrize("zeros", [False, True])
def test_tables_of_pandas(tmp_path, options, neurons, zeros):
    spins = random_patterns(4, neurons, seed=1)
    values = (spins > 0).astype(int) if zeros else spins
    pd.DataFrame(values).to_csv(tmp_path / "a.csv", **options)
    loaded = load_patterns(tmp_path / "a.csv")
    assert np.array_equal(loaded.patterns, spins)
    assert loaded.labels == ("0", "1", "2", "3")


def test_tables_with_words(tmp_path):
    table = pd.DataFrame(SPINS, columns=list("wxyz"), index=["cat", "dog", "cat"])
    for options, labels in (({}, ("cat", "dog", "cat")), ({"index": False}, ("0", "1", "2"))):
        table.to_csv(tmp_path / "a.csv", **options)
        loaded = load_patterns(tmp_path / "a.csv")
        assert np.array_equal(loaded.patterns, SPINS) and loaded.labels == labels
    table.to_csv(tmp_path / "a.csv", header=False)
    assert load_patterns(tmp_path / "a.csv").labels == ("cat", "dog", "cat")
    # Numbers that may be patterns are patterns.
    (tmp_path / "a.csv").write_text("0,1\n1,0\n")
    assert load_patterns(tmp_path / "a.csv").patterns.tolist() == [[-1, 1], [1, -1]]
    (tmp_path / "a.csv").write_text("0,1,-1\n1,1,1\n")
    with pytest.raises(ValueError, match="Row numbers in its first column"):
        load_patterns(tmp_path / "a.csv")


@pytest.mark.fault("a folder with Thumbs.db was refused", kind="files as others write them")
def test_what_systems_leave_in_folders_is_passed_over(tmp_path):
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._a.png"):
        (tmp_path / name).write_bytes(b"\0")
    (tmp_path / "__MACOSX").mkdir()
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert load_patterns(tmp_path).labels == ("a",)


def test_pictures_of_mixed_sizes_are_brought_to_one(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    Image.fromarray(np.kron(GREY, np.ones((4, 4), np.uint8))).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"one size: .* size=\(rows, columns\)"):
        load_patterns(tmp_path)
    loaded = load_patterns(tmp_path, size=(2, 3))
    assert loaded.shape == (2, 3)
    assert loaded.image(0).tolist() == loaded.image(1).tolist() == INK
