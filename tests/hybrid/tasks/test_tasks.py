"""The tasks: seeded, answerable from what is shown, equal in parameters."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from qhopfield.circuits.patterns import load_set
from qhopfield.hybrid.tasks import (
    IGNORED,
    TASKS,
    BitPatternSets,
    DigitSequence,
    Examples,
    LongRangeRecall,
    MultiQueryRecall,
)
from qhopfield.hybrid.transformer import count_parameters

SMALL = {
    "mqar": MultiQueryRecall(train_examples=60, validation_examples=5, test_examples=7),
    "bit-patterns": BitPatternSets(bags=64, test_bags=9),
    "digits": DigitSequence(),
    "long-range": LongRangeRecall(
        distance=9, train_examples=60, validation_examples=5, test_examples=7
    ),
}
PARTS = ("train", "validation", "test")


def each_split(task, seed=3):
    splits = task.splits(seed)
    return [getattr(splits, part) for part in PARTS]


@pytest.mark.parametrize("task", SMALL.values(), ids=SMALL)
def test_same_seed_same_examples(task):
    for one, other, third in zip(
        each_split(task), each_split(task), each_split(task, 4), strict=True
    ):
        assert torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)
        assert not torch.equal(one.inputs, third.inputs)
    generator = task.splits(np.random.default_rng(3)).train
    assert generator.inputs.shape == each_split(task)[0].inputs.shape


def test_more_training_examples_leave_the_test_alone():
    for name in ("mqar", "long-range"):
        task = SMALL[name]
        more = dataclasses.replace(task, train_examples=90)
        assert torch.equal(each_split(task)[2].inputs, each_split(more)[2].inputs)


@pytest.mark.parametrize("name", TASKS)
def test_names_and_descriptions(name):
    task = TASKS[name]()
    assert task.name == name and name in SMALL
    assert len(task.describe()) > 40


# Each task's answers follow from its inputs by what the task says.


@pytest.mark.parametrize("fill", ["blank", "random"])
def test_mqar_asks_for_what_was_shown(fill):
    task = dataclasses.replace(SMALL["mqar"], fill=fill, vocabulary=24, length=40)
    for examples in each_split(task):
        for inputs, targets in zip(
            examples.inputs.tolist(), examples.targets.tolist(), strict=True
        ):
            shown = dict(zip(inputs[0:16:2], inputs[1:16:2], strict=True))
            assert len(shown) == 8 and set(shown) <= set(range(1, 12))
            assert set(shown.values()) <= set(range(12, 24))
            asked = [place for place, answer in enumerate(targets) if answer != IGNORED]
            assert len(asked) == 8 and min(asked) >= 16 and all(not place % 2 for place in asked)
            assert {inputs[place]: targets[place] for place in asked} == shown
            if fill == "blank":
                rest = set(range(16, 40)) - set(asked)
                assert {inputs[place] for place in rest} == {0}


@pytest.mark.parametrize("power", [0.01, 1.0])
def test_mqar_waits_by_the_power_law(power, chance):
    task = MultiQueryRecall(
        pairs=1, vocabulary=8, length=22, power=power, train_examples=4000, test_examples=1
    )
    targets = task.splits(11).train.targets
    places = (targets != IGNORED).nonzero()[:, 1].numpy()
    counts = np.bincount((places - 2) // 2, minlength=10)
    law = np.arange(1, 11.0) ** (power - 1.0)
    chance.chi_square(counts[None], (law / law.sum())[None])


@pytest.mark.parametrize("per_bag", [1, 3])
def test_bags_are_positive_with_a_signal(per_bag):
    task = BitPatternSets(bags=512, test_bags=101, signals_per_bag=per_bag, instances=6)
    splits = each_split(task)
    bags = torch.cat([part.inputs for part in splits])
    targets = torch.cat([part.targets for part in splits])
    assert set(bags.unique().tolist()) == {-1.0, 1.0}
    codes = ((bags < 0).long() * 2 ** torch.arange(8)).sum(-1)
    plain = set(codes[targets == 0].unique().tolist())
    signals = set(codes[targets == 1].unique().tolist()) - plain
    found = sum((codes == signal).sum(dim=1) for signal in signals)
    assert len(signals) == 8
    assert (found[targets == 1] == per_bag).all() and (found[targets == 0] == 0).all()
    assert [int(part.targets.sum()) for part in splits] == [192, 64, 51]
    assert splits[2].targets[:6].tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(("reading", "shape"), [("rows", (8, 8)), ("pixels", (64, 1))])
def test_digits_are_all_dealt_out_once(reading, shape):
    splits = each_split(DigitSequence(reading=reading))
    assert [len(part) for part in splits] == [1197, 200, 400]
    assert splits[0].inputs.shape[1:] == shape
    pictures = torch.cat([part.inputs.flatten(1) for part in splits]).numpy()
    labels = torch.cat([part.targets for part in splits]).tolist()
    digits = load_set("digits")
    dealt = sorted(zip(map(tuple, pictures.astype(int).tolist()), labels, strict=True))
    known = zip(map(tuple, digits.patterns.tolist()), map(int, digits.labels), strict=True)
    assert dealt == sorted(known)


@pytest.mark.parametrize("distance", [0, 5])
def test_long_range_asks_for_the_cue(distance):
    task = dataclasses.replace(SMALL["long-range"], distance=distance)
    starts = set()
    for examples in each_split(task):
        assert examples.inputs.shape[1] == task.length == distance + 5
        for inputs, targets in zip(
            examples.inputs.tolist(), examples.targets.tolist(), strict=True
        ):
            cue = next(place for place, token in enumerate(inputs) if 1 <= token <= 8)
            starts.add(cue)
            asked = cue + distance + 1
            assert inputs[asked] == 0 and targets[asked] == inputs[cue] - 1
            assert [answer for answer in targets if answer != IGNORED] == [targets[asked]]
            others = inputs[:cue] + inputs[cue + 1 : asked] + inputs[asked + 1 :]
            assert all(9 <= token <= 16 for token in others)
    assert starts == {0, 1, 2, 3}


# Loss, score, schedule.


def test_loss_and_score_pass_over_what_is_not_asked():
    task = SMALL["mqar"]
    outputs = torch.zeros(1, 3, 4)
    outputs[0, 0, 2] = outputs[0, 1, 3] = 5.0
    targets = torch.tensor([[2, 1, IGNORED]])
    wanted = -torch.log_softmax(outputs[0], -1)
    torch.testing.assert_close(task.loss(outputs, targets), (wanted[0, 2] + wanted[1, 1]) / 2)
    assert task.score(outputs, targets) == (1, 2)
    assert task.asked(targets) == 2


def test_bags_are_scored_by_the_sign_of_the_logit():
    task = SMALL["bit-patterns"]
    outputs, targets = torch.tensor([2.0, -1.0, 3.0]), torch.tensor([1.0, 0.0, 0.0])
    assert task.score(outputs, targets) == (2, 3)
    wanted = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + math.log1p(math.exp(3))) / 3
    assert float(task.loss(outputs, targets)) == pytest.approx(wanted, rel=1e-6)


def test_schedule():
    task = LongRangeRecall()
    rates = [task.learning_rate_at(step, 100) for step in range(101)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[-1] == pytest.approx(0.0) and max(rates) == 1.0
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert BitPatternSets().learning_rate_at(7, 100) == 1.0


# Models.


@pytest.mark.parametrize("task", SMALL.values(), ids=SMALL)
def test_models_have_equal_parameters(task):
    examples = task.splits(0).train.take(3)
    counts = {}
    for memory in task.memories:
        model = task.build_model(memory)
        counts[memory] = count_parameters(model)
        outputs = model(examples.inputs)
        assert torch.isfinite(task.loss(outputs, examples.targets))
        assert task.score(outputs, examples.targets)[1] == task.asked(examples.targets)
    middle = counts["hopfield"]
    assert all(abs(count / middle - 1.0) < 0.05 for count in counts.values()), counts
    fixed = task.build_model("lstm", parameters=2 * middle)
    assert count_parameters(fixed) == pytest.approx(2 * middle, rel=0.05)


def test_options_reach_the_memory():
    model = SMALL["mqar"].build_model("quantum", num_heads=2, hidden_size=3, scaling=2.0)
    assert (model.blocks[0].memory.num_heads, model.blocks[0].memory.hidden_size) == (2, 3)
    model = BitPatternSets(static=True).build_model("quantum", num_heads=3)
    assert model[0].hopfield.num_heads == 3 and model[0].hopfield.stored_projection is None
    with pytest.raises(TypeError, match="memory='rnn' takes no argument 'scaling'"):
        SMALL["mqar"].build_model("rnn", scaling=2.0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MultiQueryRecall(vocabulary=15), ValueError, "vocabulary must be >= 18, got 15"),
        (lambda: MultiQueryRecall(vocabulary=19), ValueError, "vocabulary must be even, got 19"),
        (lambda: MultiQueryRecall(length=30), ValueError, "length must be >= 32, got 30"),
        (lambda: MultiQueryRecall(length=33), ValueError, "length must be even, got 33"),
        (lambda: MultiQueryRecall(pairs=0), ValueError, "pairs must be >= 1, got 0"),
        (lambda: MultiQueryRecall(power=0.0), ValueError, "power must be a finite number > 0"),
        (lambda: MultiQueryRecall(fill="zeros"), ValueError, "fill must be one of 'blank'"),
        (lambda: MultiQueryRecall(convolution=-1), ValueError, "convolution must be >= 0"),
        (lambda: MultiQueryRecall(train_examples=0), ValueError, "train_examples must be >= 1"),
        (lambda: MultiQueryRecall(width=2.5), TypeError, "width must be an integer, got 2.5"),
        (lambda: MultiQueryRecall(epochs=0), ValueError, "epochs must be >= 1, got 0"),
        (lambda: MultiQueryRecall(learning_rate=0), ValueError, "learning_rate must be a finite"),
        (lambda: MultiQueryRecall(schedule="step"), ValueError, "schedule must be one of 'cosine'"),
        (lambda: MultiQueryRecall(dropout=1.5), ValueError, "dropout must be a finite number"),
        (lambda: MultiQueryRecall(gradient_clip=-1), ValueError, "gradient_clip must be a finite"),
        (lambda: LongRangeRecall(distance=-1), ValueError, "distance must be >= 0, got -1"),
        (lambda: LongRangeRecall(cues=1), ValueError, "cues must be >= 2, got 1"),
        (lambda: LongRangeRecall(lead=0), ValueError, "lead must be >= 1, got 0"),
        (lambda: DigitSequence(reading="columns"), ValueError, "reading must be one of 'rows'"),
        (
            lambda: DigitSequence(test_examples=1700),
            ValueError,
            "must leave some of the 1,797 pictures to learn from; got 1,900 together",
        ),
        (lambda: BitPatternSets(bits=17), ValueError, "bits must be between 1 and 16, got 17"),
        (lambda: BitPatternSets(signals=256), ValueError, "signals must be between 1 and 255"),
        (lambda: BitPatternSets(signals_per_bag=17), ValueError, "signals_per_bag must be between"),
        (lambda: BitPatternSets(bags=7), ValueError, "bags must be >= 8, got 7"),
        (
            lambda: BitPatternSets(static=True, neurons=4),
            ValueError,
            "neurons must be 8, got 4",
        ),
        (lambda: SMALL["mqar"].splits(-1), ValueError, "seed must be >= 0, got -1"),
        (lambda: SMALL["digits"].splits("one"), TypeError, "seed must be an integer"),
        (lambda: SMALL["mqar"].build_model("gru"), ValueError, "memory must be one of 'quantum'"),
        (
            lambda: SMALL["bit-patterns"].build_model("gru"),
            ValueError,
            "memory must be one of 'quantum'",
        ),
        (
            lambda: SMALL["mqar"].build_model("rnn", parameters=100),
            ValueError,
            "gives a model of 100 parameters within 5 %",
        ),
        (
            lambda: Examples(torch.zeros(2, 3), torch.zeros(3)),
            ValueError,
            "targets must be one an input, 2; got 3",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)
