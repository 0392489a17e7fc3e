"""Patterns survive files, pictures become ink, and files that lie are refused."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from qhopfield.circuits.patterns import load_patterns, load_set, save_patterns

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 9))
IN_ONE_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("ending", [".npy", ".csv", ".NPY"])
@IN_ONE_FOLDER
@given(patterns=arrays(np.int8, SHAPES, elements=st.sampled_from([-1, 1])))
def test_saved_patterns_come_back(tmp_path, ending, patterns):
    path = tmp_path / f"some{ending}"
    save_patterns(path, patterns)
    loaded = load_patterns(path)
    assert np.array_equal(loaded.patterns, patterns)
    assert loaded.name == "some"
    assert loaded.source == path.name
    assert loaded.license == "unknown"
    assert loaded.shape is None
    assert loaded.labels == tuple(str(row) for row in range(len(patterns)))
    assert os.listdir(tmp_path) == [path.name]


def test_files_hold_plus_and_minus_one(tmp_path):
    save_patterns(str(tmp_path / "cy.csv"), load_set("cy"))
    assert (tmp_path / "cy.csv").read_text().splitlines() == [
        "1,1,1,1,-1,-1,1,1,1",
        "1,-1,1,-1,1,-1,-1,1,-1",
    ]
    save_patterns(tmp_path / "one.npy", [1, -1])
    saved = np.load(tmp_path / "one.npy", allow_pickle=False)
    assert saved.dtype == np.int8
    assert saved.tolist() == [[1, -1]]


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.csv"
    save_patterns(path, [1, -1])
    with pytest.raises(ValueError, match="patterns must hold only"):
        save_patterns(path, [1, 0])
    assert path.read_text() == "1,-1\n"


@pytest.mark.parametrize(
    ("path", "patterns", "error", "message"),
    [
        ("a.txt", [1], ValueError, "a.txt must end in .npy or .csv, got '.txt'"),
        ("a", [1], ValueError, "must end in .npy or .csv, got ''"),
        ("a.npy", ["x"], TypeError, "patterns must hold real numbers"),
        ("none/a.npy", [1], FileNotFoundError, "folder .*none does not exist"),
        ("folder.npy", [1], IsADirectoryError, "is a folder"),
    ],
)
def test_bad_saves(tmp_path, path, patterns, error, message):
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(error, match=message):
        save_patterns(tmp_path / path, patterns)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1, 0], [0, 0]]),
        np.array([[True, False], [False, False]]),
        np.array([[1.0, -1.0], [-1.0, -1.0]], dtype=np.float32),
        np.asfortranarray(np.array([[1, 0], [0, 0]], dtype=">i4")),
    ],
)
def test_zero_in_a_file_means_minus_one(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    assert load_patterns(tmp_path / "a.npy").patterns.tolist() == [[1, -1], [-1, -1]]


@pytest.mark.parametrize(
    "text",
    [
        "1,0,1\n0,0,1\n",
        "1,-1,1\n-1,-1,1",
        "\ufeff+1, -1, 1.0\r\n\r\n-1,-1, 1e0\r\n",
        '"1","0","1"\n , ,\n0,0,1\n',
    ],
)
def test_csv_dialects(tmp_path, text):
    (tmp_path / "a.csv").write_bytes(text.encode("utf-8"))
    assert load_patterns(tmp_path / "a.csv").patterns.tolist() == [[1, -1, 1], [-1, -1, 1]]


BAD_CSV = [
    (b"", "holds no numbers"),
    (b"\n , \n", "holds no numbers"),
    (b"a,1\n1,1\n", "numbers between commas, got 'a' on line 1"),
    (b"a,b\n1,x\n", "numbers between commas, got 'x' on line 2"),
    (b"a\nb\n", "numbers between commas, got 'b' on line 2"),
    (b"1\t-1\n", "semicolons or tabs"),
    (b"1,1\n1,\n", "numbers between commas, got '' on line 2"),
    (b"1;-1\n", "got '1;-1' on line 1"),
    (b"1,1\n\n1,1,1\n", "2 numbers on line 1 and 3 on line 3"),
    (b"1,2\n", r"only \+1 and -1; got 2.0 in row 0 at neuron 1"),
    (b"1,nan\n", "got nan in row 0 at neuron 1"),
    (b"1,0\n1,-1\n", "mixes 0 and -1"),
    (b'1,"0\n', "is no .csv file"),
    (b"\x80\x04\x95", "is no .csv file"),
    (b"\x89PNG\r\n\x1a\n", "is no .csv file"),
    (b"1,\x00\n", "a.csv"),
]


@pytest.mark.parametrize(("content", "message"), BAD_CSV)
def test_bad_csv(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_patterns(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[1, None]], dtype=object), "no .npy file of plain numbers"),
        (np.array(["a"]), "must hold real numbers, got dtype <U1"),
        (np.array([1j]), "must hold real numbers, got dtype complex128"),
        (np.zeros(2, dtype=[("x", int)]), "must hold real numbers"),
        (np.ones((2, 2, 2)), r"must have shape \(rows, N\) or \(N,\), got shape \(2, 2, 2\)"),
        (np.array(1), r"got shape \(\)"),
        (np.zeros((0, 3)), "must not be empty"),
        (np.array([[1, 3]]), r"only \+1 and -1; got 3 in row 0 at neuron 1"),
        (np.array([[1, 0, -1]]), "mixes 0 and -1"),
        (np.array([np.nan, 1]), "got nan"),
    ],
)
def test_bad_npy(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    with pytest.raises(ValueError, match=f"a.npy .*{message}"):
        load_patterns(tmp_path / "a.npy")


class Bomb:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_nothing_is_unpickled(tmp_path):
    trap = str(tmp_path / "trap")
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Bomb(trap)))
    with pytest.raises(ValueError, match=r"a\.npy is no \.npy file: it does not start like one"):
        load_patterns(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array([Bomb(trap)], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"b\.npy is no \.npy file of plain numbers"):
        load_patterns(tmp_path / "b.npy")
    assert not os.path.exists(trap)
    # The trap would have gone off.
    pickle.loads((tmp_path / "a.npy").read_bytes())
    assert os.path.exists(trap)


def test_an_npz_or_a_cut_file_is_no_npy(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, np.ones(3))
    with pytest.raises(ValueError, match="does not start like one"):
        load_patterns(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.ones((100, 100)))
    whole = (tmp_path / "b.npy").read_bytes()
    for length in (0, 6, 20, 128, 5000):
        (tmp_path / "b.npy").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"b\.npy is no \.npy file"):
            load_patterns(tmp_path / "b.npy")
    # A header that promises a terabyte is refused before anything is allocated.
    (tmp_path / "b.npy").write_bytes(whole.replace(b"(100, 100)", b"(10**12,) ", 1))
    with pytest.raises(ValueError, match=r"b\.npy is no \.npy file"):
        load_patterns(tmp_path / "b.npy")
    (tmp_path / "b.npy").write_bytes(whole.replace(b"(100, 100), ", b"(9999999999,", 1))
    with pytest.raises(ValueError, match=r"b\.npy is no \.npy file"):
        load_patterns(tmp_path / "b.npy")


INK = np.array([[0, 255, 0], [100, 127, 128]], dtype=np.uint8)
SPINS = [[1, -1, 1], [1, 1, -1]]


@pytest.mark.parametrize("ending", [".png", ".PNG", ".bmp", ".gif", ".tif", ".tiff", ".pgm"])
def test_dark_is_ink(tmp_path, ending):
    Image.fromarray(INK).save(tmp_path / f"letter{ending}")
    loaded = load_patterns(tmp_path / f"letter{ending}")
    assert loaded.shape == (2, 3)
    assert loaded.image(0).tolist() == SPINS
    assert loaded.labels == ("letter",)
    assert loaded.name == "letter"


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".webp"])
def test_lossy_pictures(tmp_path, ending):
    blocks = np.kron(np.array([[0, 255], [255, 0]], dtype=np.uint8), np.ones((8, 8), np.uint8))
    Image.fromarray(blocks).save(tmp_path / f"a{ending}", quality=95)
    expected = np.where(blocks == 0, 1, -1)
    assert np.array_equal(load_patterns(tmp_path / f"a{ending}").image(0), expected)


def test_modes_of_pictures(tmp_path):
    path = tmp_path / "a.png"
    grey = Image.fromarray(INK)
    for picture in (
        grey.convert("RGB"),
        grey.convert("P"),
        grey.convert("RGBA"),
        grey.convert("LA"),
        Image.fromarray(INK.astype(np.uint16) * 257),
    ):
        picture.save(path)
        assert load_patterns(path).image(0).tolist() == SPINS, picture.mode
    grey.point(lambda value: 255 * (value > 127)).convert("1").save(path)
    assert load_patterns(path).image(0).tolist() == SPINS


def test_transparent_is_paper(tmp_path):
    black = np.zeros((2, 3, 4), dtype=np.uint8)
    black[..., 3] = 255 - INK
    Image.fromarray(black).save(tmp_path / "a.png")
    assert load_patterns(tmp_path / "a.png").image(0).tolist() == SPINS


@given(threshold=st.floats(0, 1, exclude_min=True))
@IN_ONE_FOLDER
def test_threshold_is_how_dark_ink_is(tmp_path, threshold):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    ink = load_patterns(tmp_path / "a.png", threshold=threshold).image(0) == 1
    assert np.array_equal(ink, 1 - ramp / 255 >= threshold)


def test_a_folder_of_pictures(tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / ".hidden").write_text("no picture")
    for name, value in (("b.png", 0), ("10.bmp", 255), ("a.gif", 0), ("2.png", 0)):
        Image.fromarray(np.full((2, 3), value, np.uint8)).save(folder / name)
    loaded = load_patterns(folder)
    assert loaded.labels == ("10", "2", "a", "b")
    assert loaded.patterns[:, 0].tolist() == [-1, 1, 1, 1]
    assert loaded.shape == (2, 3)
    assert (loaded.name, loaded.source) == ("letters", "letters")


def test_bad_folders(tmp_path):
    with pytest.raises(ValueError, match=r"folder .* holds no pictures"):
        load_patterns(tmp_path)
    Image.fromarray(INK).save(tmp_path / "a.png")
    Image.fromarray(INK.T.copy()).save(tmp_path / "b.png")
    message = r"one size: a\.png has 3x2 pixels and b\.png has 2x3 pixels"
    with pytest.raises(ValueError, match=message):
        load_patterns(tmp_path)
    (tmp_path / "b.png").unlink()
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"pictures only .* got notes\.txt"):
        load_patterns(tmp_path)
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "more.png").mkdir()
    with pytest.raises(ValueError, match=r"pictures only .* got more\.png"):
        load_patterns(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"hello", "a.png is no PNG picture"),
        ("a.png", b"", "a.png is no PNG picture"),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", "a.jpg is no JPEG picture"),
        ("a.png", pickle.dumps([1, -1]), "a.png is no PNG picture"),
        ("a.txt", b"1,1", r"a.txt must end in .npy, .csv or .png, .*; got '.txt'"),
        ("a", b"1,1", "must end in .npy, .csv or .*; got ''"),
    ],
)
def test_files_that_are_not_what_they_claim(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_patterns(tmp_path / name)


def test_damaged_pictures(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"a\.png is a damaged PNG picture"):
        load_patterns(path)


def test_pictures_that_cannot_be_one_pattern(tmp_path):
    pages = [Image.fromarray(np.full((2, 2), value, np.uint8)) for value in (0, 255)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:])
    with pytest.raises(ValueError, match=r"a\.gif must hold one picture, got 2 frames"):
        load_patterns(tmp_path / "a.gif")
    Image.fromarray(np.full((2, 2), 2, np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(ValueError, match=r"b\.tif has floats as pixels, .* got 2 to 2"):
        load_patterns(tmp_path / "b.tif")
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "c.tif")
    with pytest.raises(ValueError, match=r"c\.tif must have 16 bits"):
        load_patterns(tmp_path / "c.tif")


def test_a_picture_that_promises_too_much(tmp_path):
    path = tmp_path / "a.pgm"
    for side in (10_000, 100_000):
        path.write_bytes(b"P5 %d %d 255\n" % (side, side))
        with pytest.raises(ValueError, match=r"a\.pgm is too large for patterns"):
            load_patterns(path)


@pytest.mark.filterwarnings("ignore:.*lost all contrast")
@IN_ONE_FOLDER
@given(st.data())
def test_damaged_bytes_are_a_value_error_or_patterns(tmp_path, data):
    ending = data.draw(st.sampled_from([".png", ".gif", ".bmp", ".tif", ".npy"]))
    path = tmp_path / f"a{ending}"
    if ending == ".npy":
        save_patterns(path, SPINS)
    else:
        Image.fromarray(INK).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        loaded = load_patterns(path)
    except ValueError as error:
        assert path.name in str(error)
    else:
        assert (np.abs(loaded.patterns) == 1).all()


@pytest.mark.parametrize(
    ("threshold", "error", "message"),
    [
        (0, ValueError, "threshold must be a finite number > 0 and <= 1, got 0"),
        (1.5, ValueError, "got 1.5"),
        (np.nan, ValueError, "got nan"),
        (True, TypeError, "threshold must be a real number, got True"),
        ("dark", TypeError, "threshold must be a real number, got 'dark'"),
    ],
)
def test_bad_thresholds(tmp_path, threshold, error, message):
    with pytest.raises(error, match=message):
        load_patterns(tmp_path, threshold=threshold)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.png"):
        load_patterns(tmp_path / "none.png")
    with pytest.raises(TypeError):
        load_patterns(3)
