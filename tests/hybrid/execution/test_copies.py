"""Copies of what draws shots: each has a stream of its own, and all of them repeat."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from qiskit_aer import AerSimulator

from qhopfield.hybrid import (
    Execution,
    QuantumHopfield,
    QuantumHopfieldEncoderLayer,
    QuantumHopfieldNetwork,
    run_on,
)
from qhopfield.hybrid.execution.streams import Stream, branch
from qhopfield.hybrid.transformer import SequenceModel

KIND = "shots that count as independent are"
PLACES = {
    "aer": lambda: {"backend": AerSimulator(), "shots": 200},
    "default.qubit": lambda: {"device": "default.qubit", "shots": 200},
    "lightning.qubit": lambda: {"device": "lightning.qubit", "shots": 200},
}
places = pytest.mark.parametrize("place", PLACES)


def _layer(place, seed=7):
    torch.manual_seed(0)
    return QuantumHopfield(2, 1, num_heads=2, scaling=0.3, **PLACES[place](), seed=seed)


def _answers(layers, x):
    with torch.no_grad():
        return [each(x) for each in layers]


def _differ(answers):
    return all(
        not torch.equal(one, other)
        for number, one in enumerate(answers)
        for other in answers[:number]
    )


def _pickled(layer):
    return pickle.loads(pickle.dumps(layer))


def _twins(layer):
    """The layer, copies of it, a copy of a copy, pickles, and one pickle opened twice."""
    copies = [copy.deepcopy(layer), copy.deepcopy(layer), _pickled(layer), _pickled(layer)]
    copies.append(copy.deepcopy(copies[0]))
    written = pickle.dumps(layer)
    return [layer, *copies, pickle.loads(written), pickle.loads(written), pickle.loads(written)]


@pytest.mark.fault("copies of a layer drew the same shots", kind=KIND)
@places
@pytest.mark.parametrize("seed", [7, None], ids=["seeded", "unseeded"])
def test_copies_draw_shots_of_their_own(place, seed):
    x = torch.randn(2, 3, 2)
    twins = _twins(_layer(place, seed))
    assert _differ(_answers(twins, x))
    assert _differ(_answers(twins, x))  # and go on


@pytest.mark.fault("copies of a layer drew the same shots", kind=KIND)
@places
def test_the_same_seed_and_the_same_copies_repeat(place):
    x = torch.randn(2, 3, 2)
    one, two = (_answers(_twins(_layer(place)), x) for _ in "ab")
    assert all(torch.equal(each, other) for each, other in zip(one, two, strict=True))


def test_copying_leaves_the_original_as_it_is():
    x = torch.randn(1, 3, 2)
    wanted = _answers([_layer("aer")] * 3, x)
    layer = _layer("aer")
    found = []
    for _ in range(3):
        found += _answers([layer], x)
        copy.deepcopy(layer), pickle.dumps(layer)
    assert all(torch.equal(each, other) for each, other in zip(found, wanted, strict=True))


@pytest.mark.fault("all layers of nn.TransformerEncoder drew the same shots", kind=KIND)
def test_layers_of_an_encoder():
    def build():
        torch.manual_seed(0)
        layer = QuantumHopfieldEncoderLayer(
            2, 2, 4, dropout=0.0, backend=AerSimulator(), shots=100, seed=7
        )
        return torch.nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)

    x = torch.randn(1, 3, 2)
    net = build()
    assert _differ(_answers([each.self_attn for each in net.layers], x))
    with torch.no_grad():
        assert torch.equal(build()(x), build()(x))


@pytest.mark.fault("all blocks of a model built with one seed drew the same shots", kind=KIND)
def test_blocks_of_a_model():
    def build():
        torch.manual_seed(0)
        return SequenceModel(
            2, input_size=2, length=4, width=2, layers=3, backend=AerSimulator(), shots=100, seed=7
        )

    x, model = torch.randn(1, 3, 2), build()
    for block in model.blocks:
        block.memory.load_state_dict(model.blocks[0].memory.state_dict())
    assert _differ(_answers([each.memory for each in model.blocks], x))
    with torch.no_grad():
        assert torch.equal(build()(x), build()(x))


def test_copies_of_the_network():
    layer = QuantumHopfieldNetwork(3, backend=AerSimulator(), shots=100, seed=3)
    assert _differ(_answers([layer, copy.deepcopy(layer), _pickled(layer)], torch.zeros(2, 3)))


def test_copies_share_what_the_user_passed_in():
    backend = AerSimulator()
    layer = QuantumHopfield(2, 1, backend=backend, shots=10)
    twin = copy.deepcopy(layer)
    assert twin.execution.backend is backend


def test_two_layers_from_one_generator_and_their_copies():
    rng, x = np.random.default_rng(5), torch.randn(1, 3, 2)
    layers = [_layer("aer", rng), _layer("aer", rng)]
    layers += [copy.deepcopy(each) for each in layers]
    assert _differ(_answers(layers, x))


@pytest.mark.fault(
    "seed= of a wrong type was taken on the law", kind="nothing is taken by its truth"
)
@pytest.mark.parametrize("seed", [object(), "7", 1.5, True, -1, [1]])
def test_a_seed_is_a_seed_on_every_path(seed):
    layer = QuantumHopfield(2, 1)
    for place in ({}, {"device": "default.qubit"}, {"backend": AerSimulator(), "shots": 10}):
        with pytest.raises((TypeError, ValueError), match="seed must be"):
            Execution(**place, seed=seed)
        with (
            pytest.raises((TypeError, ValueError), match="seed must be"),
            run_on(layer, **place, seed=seed),
        ):
            pass


def test_branches():
    """The next branch each time, none of which is the trunk; legacy generators branch, too."""
    numbers = [branch(np.random.default_rng(1), which).integers(2**60) for which in (1, 2, 3)]
    rng = np.random.default_rng(1)
    assert numbers == [branch(rng).integers(2**60) for _ in range(3)]
    assert np.random.default_rng(1).integers(2**60) == rng.integers(2**60)
    assert len({*numbers, np.random.default_rng(1).integers(2**60)}) == 4
    old = np.random.Generator(np.random.RandomState(3)._bit_generator)
    again = np.random.Generator(np.random.RandomState(3)._bit_generator)
    assert branch(old).integers(2**60) == branch(again).integers(2**60)
    stream = Stream(np.random.default_rng(2), seeded=True)
    assert copy.deepcopy(stream).rng is not stream.rng
