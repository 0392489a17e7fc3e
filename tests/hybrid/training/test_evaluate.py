"""A trained model on its law, on PennyLane, on Aer, and with noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from scipy.stats import binom
from torch import nn

from qhopfield.circuits.common.statistics import wilson_interval
from qhopfield.hybrid import QuantumHopfieldPooling
from qhopfield.hybrid.tasks import BitPatternSets, LongRangeRecall, MultiQueryRecall
from qhopfield.hybrid.tasks.base import Examples
from qhopfield.hybrid.training import Evaluation, evaluate, noisy_device, train

TASK = BitPatternSets(
    bits=3, neurons=3, signals=1, instances=4, heads=2, bags=512, test_bags=40, learning_rate=0.03
)


@pytest.fixture(scope="module")
def trained():
    return train(TASK, "quantum", epochs=12, seed=0)


def test_pennylane_says_what_the_law_says(trained):
    result = trained.evaluate("pennylane").evaluate("pennylane", device="lightning.qubit")
    law, *rest = result.evaluations
    assert trained.evaluations == (law,)
    assert law.asked == 40 and law.shots is None and law.empty_runs == 0
    assert all((each.right, each.asked, each.shots) == (law.right, 40, None) for each in rest)


def test_shots_say_nearly_what_the_law_says(trained):
    result = trained.evaluate("aer", shots=4000)
    found = result.evaluations[1]
    assert (found.path, found.shots, found.examples) == ("aer", 4000, 40)
    assert abs(found.right - trained.evaluations[0].right) <= 4
    again = trained.evaluate("aer", shots=4000).evaluations[1]
    assert again.right == found.right and again.empty_runs == found.empty_runs
    few = evaluate(trained.model, TASK, "aer", shots=1, seed=3)
    assert few.empty_runs > 0  # most shots are rejected


def test_noise_that_drowns_all_leaves_a_guess(trained):
    assert trained.accuracy > 0.85
    noise = noisy_device(depolarizing=0.9, readout=0.5)
    found = evaluate(trained.model, TASK, "noise", noise_model=noise, shots=200, seed=0)
    # A fixed guess is right for half of the bags.
    assert binom.isf(1e-6, 40, 0.5) >= found.right
    mild = evaluate(trained.model, TASK, "noise", limit=10, shots=200)
    assert (mild.path, mild.examples, mild.shots) == ("noise", 10, 200)


def test_a_noisy_backend_needs_no_noise_model(trained):
    backend = GenericBackendV2(8, seed=1)
    found = evaluate(trained.model, TASK, "noise", backend=backend, limit=2, shots=50)
    assert found.examples == 2
    with pytest.raises(ValueError, match="Give backend="):
        evaluate(trained.model, TASK, "noise", backend=backend, noise_model=noisy_device(), limit=1)


def test_the_model_comes_back_as_it_was(trained):
    model = TASK.build_model("quantum").train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    evaluate(model, TASK, "aer", shots=10, limit=2)
    assert model.training
    (layer,) = (each for each in model.modules() if isinstance(each, QuantumHopfieldPooling))
    assert layer.hopfield.executor is None
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_examples_are_the_tasks_test_ones(trained):
    splits = TASK.splits(0)
    one = evaluate(trained.model, TASK)
    other = evaluate(trained.model, TASK, examples=splits.test)
    assert (one.right, one.asked) == (other.right, other.asked)
    assert evaluate(trained.model, TASK, examples=splits.train, limit=7).examples == 7
    assert evaluate(trained.model, TASK, "aer", shots=5, backend=AerSimulator(), limit=3).asked == 3


def test_a_classical_model_is_its_own_law():
    task = LongRangeRecall(distance=2, train_examples=32, validation_examples=8, test_examples=16)
    model = task.build_model("lstm")
    found = evaluate(model, task)
    assert (found.path, found.asked, found.shots) == ("classical", 16, None)
    with pytest.raises(ValueError, match="path='aer' runs circuits, and this model has no quantum"):
        evaluate(model, task, "aer")


def test_table_and_picture(trained, tmp_path):
    result = trained.evaluate("aer", shots=50, limit=4)
    table = result.to_dataframe()
    assert table["path"].tolist() == ["law", "aer"]
    assert table["shots"].isna().tolist() == [True, False] and table["shots"][1] == 50
    low, high = wilson_interval(table["right"], table["asked"]).T
    assert table["low"].tolist() == pytest.approx(low) and table["high"].tolist() == pytest.approx(
        high
    )
    written = result.write(tmp_path)
    assert [each.name for each in written] == ["result.csv", "result.png"]
    read = pd.read_csv(written[0])
    assert read["accuracy"].tolist() == table["accuracy"].tolist()
    assert read["memory"].tolist() == ["quantum", "quantum"]
    assert written[1].read_bytes().startswith(b"\x89PNG")
    figure = result.plot()
    left, right = figure.axes
    assert left.lines[0].get_ydata().tolist() == trained.curve["validation_accuracy"].tolist()
    assert [each.get_text() for each in right.get_xticklabels()] == ["law", "aer\n50 shots"]
    assert "law: " in figure.get_label() and "aer: " in figure.get_label()
    with pytest.raises(ValueError, match="This run has no output folder"):
        result.write()
    with pytest.raises(FileNotFoundError):
        result.write(tmp_path / "none")


def test_evaluations_print_their_interval():
    found = Evaluation("law", 8, 10, 10, None, 0, 0.1)
    assert found.accuracy == 0.8
    assert str(found) == "law: 0.800 (0.490 to 0.943)"


class KnowsSome(nn.Module):
    """Answers sequences that begin with 1, each place with its own token; the others with 0."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, inputs):
        known = torch.where(inputs[:, :1] == 1, inputs, torch.zeros_like(inputs))
        return self.scale * nn.functional.one_hot(known, 8)


@pytest.mark.fault(
    "answers about one sequence, all right or all wrong, counted as independent: 95 % intervals of "
    "the accuracy held it in 2 of 3 runs",
    kind="intervals over correlated events",
)
def test_intervals_allow_for_answers_about_one_sequence():
    """200 runs of 40 sequences, of which 70 % are known, with three to five answers; 1e-6."""
    task = MultiQueryRecall(vocabulary=8, length=20, pairs=2)
    rng = np.random.default_rng(6)
    model, held, single, runs = KnowsSome(), 0, 0, 200
    for _ in range(runs):
        inputs = torch.full((40, 6), 5)
        inputs[:, 0] = torch.as_tensor(rng.random(40) < 0.7).long()
        targets = inputs.clone()
        targets[:, 0] = -100  # nothing is asked there
        targets[::3, 1] = targets[::4, 2] = -100
        found = evaluate(model, task, examples=Examples(inputs, targets))
        right, asked = int((targets[inputs[:, 0] == 1] == 5).sum()), int((targets == 5).sum())
        assert (found.right, found.asked, found.examples) == (right, asked, 40)
        assert found.effective == pytest.approx(40, abs=4)  # a sequence is worth one answer
        low, high = found.interval
        held += low <= 0.7 <= high
        low, high = wilson_interval(right, asked)
        single += bool(low <= 0.7 <= high)
    least = int(binom.ppf(1e-6, runs, 0.95))
    assert held >= least and single < least


def test_one_answer_an_example_counts_as_one(trained):
    found = trained.evaluations[0]
    assert found.effective is None
    assert found.interval == pytest.approx(wilson_interval(found.right, found.asked).tolist())
    assert trained.to_dataframe()["effective"].tolist() == [found.asked]


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        (
            {"path": "hardware"},
            ValueError,
            "path must be one of 'law', 'pennylane', 'aer', 'noise'",
        ),
        ({"limit": 0}, ValueError, "limit must be >= 1, got 0"),
        ({"limit": 1.5}, TypeError, "limit must be an integer"),
        ({"shots": 10}, ValueError, "shots are for paths that run circuits; got shots=10"),
        ({"path": "aer", "shots": 0}, ValueError, "shots must be >= 1, got 0"),
        ({"path": "aer", "noise_model": 1}, ValueError, "noise_model is for path='noise'"),
        ({"backend": 1}, ValueError, "backend is for path='aer' and 'noise'"),
        ({"path": "pennylane", "device": "none.qubit"}, ValueError, "no device 'none.qubit'"),
    ],
)
def test_bad_input(keywords, error, message):
    with pytest.raises(error) as caught:
        evaluate(TASK.build_model("quantum"), TASK, **keywords)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"depolarizing": 1.5}, "depolarizing must be a finite number >= 0 and <= 1"),
        ({"readout": -0.1}, "readout must be a finite number >= 0 and <= 1"),
    ],
)
def test_bad_noise(keywords, message):
    with pytest.raises(ValueError, match=message):
        noisy_device(**keywords)
