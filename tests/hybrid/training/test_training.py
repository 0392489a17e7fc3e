"""Training: curves, seeds, resuming, checkpoints, processes."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger

from qhopfield.circuits.common import identity
from qhopfield.circuits.common.locks import one_writer
from qhopfield.circuits.common.signals import Terminated
from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.hybrid.tasks import BitPatternSets, Examples, LongRangeRecall
from qhopfield.hybrid.training import compare_curves, train
from qhopfield.hybrid.training.checkpoints import SafeCheckpoints, load_checkpoint
from qhopfield.hybrid.training.data import Batches

pytestmark = pytest.mark.usefixtures("heard")

TASK = LongRangeRecall(
    distance=4,
    width=16,
    heads=2,
    feedforward=64,
    train_examples=200,
    validation_examples=50,
    test_examples=100,
    dropout=0.2,
    learning_rate=0.01,
)
CURVE = [
    "epoch", "step", "learning_rate", "train_loss", "validation_loss", "validation_accuracy",
    "seconds",
]  # fmt: skip


def same(one, other):
    """Two curves are the same in everything but time."""
    pd.testing.assert_frame_equal(
        one.drop(columns="seconds"), other.drop(columns="seconds"), check_exact=True
    )


@pytest.fixture(scope="module")
def whole():
    """A run that nothing disturbed."""
    return train(TASK, "quantum", epochs=4, seed=1)


def test_a_memory_learns(whole):
    assert list(whole.curve.columns) == CURVE
    assert whole.curve["epoch"].tolist() == [1, 2, 3, 4]
    assert whole.curve["step"].tolist() == [7, 14, 21, 28]
    assert whole.curve["train_loss"].iloc[-1] < 0.5 * whole.curve["train_loss"].iloc[0]
    assert whole.accuracy > 0.9  # of eight cues
    found = whole.evaluations[0]
    assert (found.path, found.examples, found.asked) == ("law", 100, 100)
    assert whole.interval == pytest.approx(wilson_interval(found.right, 100).tolist())
    assert whole.seconds == pytest.approx(whole.curve["seconds"].sum())
    assert whole.parameters == sum(each.numel() for each in whole.model.parameters())
    assert not whole.model.training and whole.output is None
    assert repr(whole).startswith("TrainingResult('long-range', memory='quantum', seed=1, epochs=4")


def test_the_learning_rate_is_the_tasks(whole):
    wanted = [TASK.learning_rate * TASK.learning_rate_at(step, 28) for step in (7, 14, 21, 28)]
    assert whole.curve["learning_rate"].tolist() == pytest.approx(wanted, abs=1e-12)


def test_same_seed_same_curve(whole):
    torch.manual_seed(99)
    wanted = torch.rand(3)
    torch.manual_seed(99)
    again = train(TASK, "quantum", epochs=4, seed=np.int64(1))
    assert torch.equal(torch.rand(3), wanted)  # no one else's random numbers were touched
    same(again.curve, whole.curve)
    assert again.evaluations[0].right == whole.evaluations[0].right
    other = train(TASK, "quantum", epochs=1, seed=2)
    assert other.curve["train_loss"][0] != whole.curve["train_loss"][0]
    drawn = train(TASK, "rnn", epochs=1, seed=np.random.default_rng(0))
    same(drawn.curve, train(TASK, "rnn", epochs=1, seed=drawn.seed).curve)


def test_a_killed_run_goes_on_with_the_same_curve(whole, tmp_path):
    """Killed by SIGKILL in the third of four epochs, in the middle of a step's bookkeeping."""
    script = textwrap.dedent(
        """
        import os, signal, sys
        from lightning.pytorch.callbacks import Callback
        from qhopfield.hybrid.tasks import LongRangeRecall
        from qhopfield.hybrid.training import train

        class Kill(Callback):
            def on_train_batch_end(self, trainer, *_):
                if trainer.global_step == 17:
                    os.kill(os.getpid(), signal.SIGKILL)

        task = LongRangeRecall(**eval(sys.argv[1]))
        train(task, "quantum", epochs=4, seed=1, output=sys.argv[2], callbacks=[Kill()])
        """
    )
    settings = repr(dataclasses.asdict(TASK))
    killed = subprocess.run(
        [sys.executable, "-c", script, settings, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert killed.returncode == -9, killed.stderr
    assert len(pd.read_csv(tmp_path / "run" / "curve.csv")) == 2
    resumed = train(TASK, "quantum", epochs=4, seed=1, output=tmp_path / "run", resume=True)
    same(resumed.curve, whole.curve)
    same(pd.read_csv(tmp_path / "run" / "curve.csv"), whole.curve)
    for one, other in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)
    # and a run that is done is only read
    read = train(TASK, "quantum", epochs=4, seed=1, output=tmp_path / "run", resume=True)
    same(read.curve, whole.curve)
    assert read.evaluations[0].right == whole.evaluations[0].right


class Stop(Callback):
    """Fails in the second epoch."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")


@pytest.fixture
def broken(tmp_path):
    """A folder with a run that broke in its second epoch."""
    with pytest.raises(RuntimeError, match="power cut"):
        train(TASK, "rnn", epochs=3, seed=1, output=tmp_path / "run", callbacks=[Stop()])
    return tmp_path / "run"


def test_files_of_a_run(broken):
    names = {each.name for each in broken.iterdir()}
    assert names == {"settings.json", "curve.csv", "last.ckpt", "logs"}
    assert json.loads((broken / "settings.json").read_text())["memory"] == "rnn"
    same(
        train(TASK, "rnn", epochs=3, seed=1, output=broken, resume=True).curve,
        train(TASK, "rnn", epochs=3, seed=1).curve,
    )
    logs = [pd.read_csv(each) for each in sorted(broken.glob("logs/*/metrics.csv"))]
    assert len(logs) == 2 and "validation_accuracy" in logs[1]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"resume": False}, FileExistsError, "holds a run already; go on with it by resume=True"),
        ({"epochs": 4}, ValueError, "other settings: epochs is 3 there, and 4 here"),
        ({"seed": 2}, ValueError, "other settings: seed is 1 there, and 2 here"),
        ({"memory": "lstm"}, ValueError, "memory is 'rnn' there, and 'lstm' here"),
        (
            {"task": dataclasses.replace(TASK, distance=5)},
            ValueError,
            "task.distance is 4 there, and 5 here",
        ),
        ({"layer": {"num_layers": 2}}, ValueError, "layer.num_layers is None there, and '2' here"),
        ({"precision": "bf16-mixed"}, ValueError, "trainer.precision is None there"),
    ],
)
def test_another_run_is_not_gone_on_with(broken, changes, error, message):
    given = {
        "task": TASK, "memory": "rnn", "epochs": 3, "seed": 1, "output": broken, "resume": True,
    }  # fmt: skip
    with pytest.raises(error) as caught:
        train(**{**given, **changes})
    assert message in str(caught.value)


class Trap:
    """What a pickle could run."""

    def __reduce__(self):
        return exec, ("raise SystemExit('the pickle ran')",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda path: path.write_bytes(b""), "last.ckpt is no checkpoint, or is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-500]), "or is damaged"),
        (lambda path: path.write_bytes(pickle.dumps(Trap())), "or is damaged"),
        (lambda path: torch.save({"state_dict": Trap()}, path), "or is damaged"),
        (lambda path: torch.save({"weights": 1}, path), "it has no state_dict"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*has no checksum of the whole file")
def test_a_checkpoint_is_never_unpickled(broken, content, message):
    content(broken / "last.ckpt")
    with pytest.raises(ValueError, match=message):
        train(TASK, "rnn", epochs=3, seed=1, output=broken, resume=True)
    if "state_dict" not in message:
        with pytest.raises(ValueError, match=message):
            SafeCheckpoints().load_checkpoint(broken / "last.ckpt", weights_only=False)


def test_a_checkpoint_holds_the_weights(broken):
    weights = load_checkpoint(broken / "last.ckpt")["state_dict"]
    model = TASK.build_model("rnn")
    model.load_state_dict({name.removeprefix("model."): each for name, each in weights.items()})
    with pytest.raises(FileNotFoundError):
        load_checkpoint(broken / "none.ckpt")


def test_unreadable_settings_are_refused(broken):
    (broken / "settings.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read, so the run cannot go on"):
        train(TASK, "rnn", epochs=3, seed=1, output=broken, resume=True)


def test_several_processes_share_the_work():
    """Two processes of batches of 16 make the steps of one with batches of 32."""
    plain = dataclasses.replace(TASK, dropout=0.0, train_examples=192)
    one = train(plain, "rnn", epochs=2, seed=1)
    two = train(
        dataclasses.replace(plain, batch_size=16), "rnn", epochs=2, seed=1, devices=2,
        strategy="ddp_fork", accelerator="cpu",
    )  # fmt: skip
    assert two.curve["step"].tolist() == one.curve["step"].tolist()
    assert two.curve["train_loss"].tolist() == pytest.approx(one.curve["train_loss"], rel=1e-4)
    for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_the_trainers_arguments_are_passed_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    seen = []

    class Look(Callback):
        def on_train_start(self, trainer, module):
            seen.append((trainer.logger.name, trainer.precision))

    result = train(
        TASK, "attention", epochs=1, seed=1, callbacks=[Look()], precision="64-true",
        logger=CSVLogger(tmp_path, name="mine"), progress=True, parameters=5000,
    )  # fmt: skip
    assert seen == [("mine", "64-true")]
    assert next(result.model.parameters()).dtype == torch.float64
    assert result.parameters == pytest.approx(5000, rel=0.05)
    printed = capsys.readouterr()
    assert "validation_accuracy" in printed.err and not printed.out
    double = BitPatternSets(bags=64, test_bags=8)
    assert train(double, epochs=1, precision="64-true").evaluations[0].asked == 8


def test_batches_are_dealt_out_by_seed_and_epoch():
    examples = Examples(torch.arange(10), torch.arange(10) + 100)

    def orders(**options):
        batches = Batches(examples, 4, shuffle=True, **options)
        assert len(batches) == len(list(batches))
        found = []
        for epoch in range(2):
            batches.sampler.set_epoch(epoch)
            drawn = list(batches)
            assert all(torch.equal(targets, inputs + 100) for inputs, targets in drawn)
            found.append(torch.cat([inputs for inputs, _ in drawn]).tolist())
        return found

    first = orders(seed=1)
    assert first == orders(seed=1) != orders(seed=2)
    assert first[0] != first[1] and sorted(first[0]) == list(range(10))
    parts = [orders(seed=1, processes=2, process=rank)[0] for rank in (0, 1)]
    assert sorted(parts[0] + parts[1]) == list(range(10))
    plain = list(Batches(examples, 4, shuffle=False))
    assert torch.cat([inputs for inputs, _ in plain]).tolist() == list(range(10))


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"task": "copy"}, ValueError, "task must be one of 'mqar', 'bit-patterns', 'digits'"),
        ({"task": 3}, TypeError, "task must be a Task or the name of one, got 3"),
        ({"memory": "gru"}, ValueError, "memory must be one of 'quantum'"),
        ({"epochs": 0}, ValueError, "epochs must be >= 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer"),
        ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
        ({"seed": "x"}, TypeError, "seed must be an integer"),
        ({"parameters": 3}, ValueError, "gives a model of 3 parameters within 5 %"),
        ({"layer": {"colour": 1}}, TypeError, "memory='quantum' takes no argument 'colour'"),
        ({"output": __file__}, FileExistsError, "is a file; a folder was expected"),
    ],
)
def test_bad_input(keywords, error, message):
    with pytest.raises(error) as caught:
        train(**{"task": TASK, "memory": "quantum", "epochs": 1, **keywords})
    assert message in str(caught.value)


# Twins.


@pytest.mark.parametrize("static", [True, False])
def test_quantum_and_classical_curves_are_the_same(static):
    task = BitPatternSets(bags=64, test_bags=8, static=static, learning_rate=3e-3)
    # Keys of bits that come from the patterns themselves need no signs on the classical side.
    twin = "hopfield" if static else "hopfield-binary"
    curves = compare_curves(task, "quantum", twin, steps=30, seed=2)
    assert list(curves.columns) == ["step", "quantum", twin, "gap"]
    assert curves["step"].tolist() == list(range(1, 31))
    assert curves["gap"].max() < 1e-9
    assert curves["quantum"].iloc[-1] < curves["quantum"].iloc[0]
    if not static:  # static keys are +-1, also as product states
        other = compare_curves(task, "quantum", "quantum-product", steps=30, seed=2)
        assert other["gap"].max() > 1e-4


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be >= 1, got 0"),
        ({"steps": 1.0}, TypeError, "steps must be an integer"),
        ({"second": "quantum"}, ValueError, "must be two memories, got 'quantum' twice"),
        ({"second": "gru"}, ValueError, "memory must be one of"),
        ({"second": "lstm"}, ValueError, "'quantum' and 'lstm' have parameters of other names"),
    ],
)
def test_bad_twins(keywords, error, message):
    with pytest.raises(error) as caught:
        compare_curves(TASK, **keywords)
    assert message in str(caught.value)


@pytest.mark.fault(
    "49 of 200 checkpoints with a flipped bit loaded, with other weights",
    kind="a file that a run goes on from is damaged",
)
def test_any_flipped_bit_of_a_checkpoint_is_found(tmp_path):
    path = tmp_path / "last.ckpt"
    weights = {f"{number}": torch.randn(9, 9) for number in range(4)}
    SafeCheckpoints().save_checkpoint({"state_dict": weights, "epoch": 1}, path)
    for found in (load_checkpoint(path), torch.load(path, weights_only=True)):
        assert all(torch.equal(found["state_dict"][name], each) for name, each in weights.items())
    sound = path.read_bytes()
    size, rng = 8 * len(sound), np.random.default_rng(1)
    # More of the end, where the checksum stands.
    for bit in [*rng.integers(0, size, size=200), *rng.integers(size - 800, size, size=100)]:
        broken = bytearray(sound)
        broken[bit // 8] ^= 1 << int(bit % 8)
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"last\.ckpt is (a damaged|no) checkpoint"):
            load_checkpoint(path)
    for length in rng.integers(0, len(sound), size=50):
        path.write_bytes(sound[:length])
        with pytest.raises(ValueError, match=r"last\.ckpt is (a damaged|no) checkpoint"):
            load_checkpoint(path)


@pytest.mark.fault(
    "a checkpoint without a checksum was loaded without a word",
    kind="a file that a run goes on from is damaged",
)
def test_a_checkpoint_without_a_checksum_is_told(tmp_path):
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": {"w": torch.ones(3)}}, path)
    with pytest.warns(UserWarning, match="old.ckpt has no checksum of the whole file"):
        assert torch.equal(load_checkpoint(path)["state_dict"]["w"], torch.ones(3))
    sound = path.read_bytes()
    place = sound.index(np.ones(3, dtype=np.float32).tobytes())
    path.write_bytes(sound[:place] + b"x" + sound[place + 1 :])
    with pytest.raises(ValueError, match=r"is a damaged checkpoint: .* in it is broken"):
        load_checkpoint(path)


@pytest.mark.fault(
    "two trainings in one folder mixed their files, and both exited 0",
    kind="two writers of a file that a run goes on from",
)
def test_a_folder_has_one_training(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with one_writer(folder), pytest.raises(BlockingIOError, match="run is being written by"):
        train(TASK, "rnn", epochs=1, seed=1, output=folder)
    assert not list(folder.iterdir())


class End(Callback):
    """Sends a signal in the second epoch."""

    def __init__(self, name):
        self.name = name

    def on_train_batch_end(self, trainer, *_):
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), getattr(signal, self.name))


@pytest.mark.fault(
    "SIGTERM ended a training with status 0 and no word",
    kind="a run that is ended says nothing, or success",
)
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_training_that_is_ended_says_so(name, status, tmp_path):
    options = {"epochs": 3, "seed": 1, "output": tmp_path / "run"}
    with pytest.raises(Terminated, match=f"ended by {name}; the epochs .*resume=True") as caught:
        train(TASK, "rnn", **options, callbacks=[End(name)])
    assert caught.value.code == status
    resumed = train(TASK, "rnn", **options, resume=True)
    same(resumed.curve, train(TASK, "rnn", epochs=3, seed=1).curve)


@pytest.mark.fault(
    "SIGTERM ended a training with status 0 and no word",
    kind="a run that is ended says nothing, or success",
)
def test_a_handler_of_ones_own_does_not_make_it_a_success():
    """Lightning then ends the loop itself, by an exit of status 0."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(Terminated, match="kept nothing"):
            train(TASK, "rnn", epochs=3, seed=1, callbacks=[End("SIGTERM")])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupt_stays_one(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(TASK, "rnn", epochs=3, seed=1, callbacks=[End("SIGINT")])


@pytest.mark.fault(
    "devices=100,000,000 was not refused",
    kind="as many processes as were asked for, whatever there is to do",
)
def test_more_processes_than_the_machine_holds():
    with pytest.raises(ValueError, match="devices=100000000 processes take"):
        train(TASK, "rnn", epochs=1, devices=10**8, accelerator="cpu", strategy="ddp_spawn")


@dataclasses.dataclass(frozen=True)
class Harder(LongRangeRecall):
    """A task that prints as another one does."""

    def loss(self, outputs, targets):
        return 2.0 * super().loss(outputs, targets)


@pytest.mark.fault(
    "a training went on with the run of another task of that name",
    kind="a journal takes another run's answers for its own",
)
@pytest.mark.parametrize("package", [None, "qhopfield", "torch"])
def test_a_folder_is_of_one_task_and_version(package, broken, monkeypatch):
    task = TASK
    if package is None:
        task = Harder(**dataclasses.asdict(TASK))
    else:
        sound = identity.version
        monkeypatch.setattr(
            identity, "version", lambda name: "0" if name == package else sound(name)
        )
    with pytest.raises(ValueError, match=f"other settings: .*{package or 'task'} is '"):
        train(task, "rnn", epochs=3, seed=1, output=broken, resume=True)
