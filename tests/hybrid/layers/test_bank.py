"""A bank of submodules is the layer in one piece: by law, on circuits, by shots, with losses."""

from __future__ import annotations

import copy
import io
import pickle
import re

import numpy as np
import pytest
import torch
from qiskit_aer import AerSimulator
from torch import nn
from torch.func import functional_call, grad, vmap

from qhopfield.circuits import laws
from qhopfield.hybrid import (
    EmptyRun,
    QuantumHopfield,
    QuantumHopfieldLayer,
    SubmoduleBank,
    run_on,
)
from qhopfield.hybrid.layers.shards import Shards

KINDS = pytest.mark.parametrize("keys", ["binary", "product"])
NAN = float("nan")


@pytest.fixture
def pair(small):
    """``pair(keys, quantity, shards)``: a layer in one piece, and a bank with its weights."""

    def build(keys, quantity, shards, **arguments):
        one = small(keys, cls=QuantumHopfieldLayer, quantity=quantity, **arguments)
        bank = small(keys, cls=SubmoduleBank, quantity=quantity, shards=shards, **arguments)
        bank.load_state_dict(one.state_dict())
        return one, bank

    return build


def hidden(bank):
    """True at the patterns of dead shards, counted by hand."""
    owners = [shard for shard, size in enumerate(bank.sizes) for _ in range(size)]
    return torch.tensor([owner in bank.dead for owner in owners])


# Cutting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("patterns", range(1, 12))
def test_every_pattern_is_in_one_shard(patterns):
    for number in range(1, patterns + 1):
        shards = Shards(patterns, number)
        assert sum(shards.sizes) == patterns
        assert len(shards.sizes) == number
        assert 1 <= min(shards.sizes) and max(shards.sizes) == shards.size
        assert max(shards.sizes) - min(shards.sizes) == (not shards.even)
        owners = [shard for shard, size in enumerate(shards.sizes) for _ in range(size)]
        assert shards.owners().tolist() == owners
        rows = torch.arange(1.0, 2.0 * patterns + 1.0).view(1, patterns, 2)
        cut = shards.cut(rows, 1)
        assert cut.shape == (1, number, shards.size, 2)
        assert cut.count_nonzero() == 2 * patterns  # what is filled up is 0
        for shard, part in enumerate(shards.slices()):
            torch.testing.assert_close(cut[:, shard, : shards.sizes[shard]], rows[:, part])
        torch.testing.assert_close(shards.join(cut, 1), rows)


# The law -----------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(("quantity", "shards"), [(6, 3), (7, 3), (5, 5), (4, 1)])
def test_law_is_that_of_the_layer_in_one_piece(keys, quantity, shards, pair, draw, answer, close):
    one, bank = pair(keys, quantity, shards, scaling=1.3)
    x, mask = draw(3, 2, 4), torch.zeros(2, quantity, dtype=torch.bool)
    mask[1, 0] = quantity > 1
    for more in ({}, {"need_weights": True}, {"attn_mask": mask}):
        close(answer(bank, x, **more), answer(one, x, **more), 1e-12)


@KINDS
@pytest.mark.parametrize("dead", [(), (1,), (0, 3)])
def test_shards_by_their_own_laws_recombine(keys, dead, pair, draw):
    """Each shard as a memory by itself, recombined by its acceptance: values and gradients."""
    _, bank = pair(keys, 10, 4, disable_out_projection=True)
    x, hopfield = draw(2, 3, 4), bank.hopfield
    bank.dead = set(dead)
    found = bank.associate(x)
    means, acceptances, sizes, start = [], [], [], 0
    for shard, size in enumerate(bank.sizes):
        rows = slice(start, start + size)
        start += size
        if shard in bank.dead:
            continue
        stored = bank.stored_patterns[rows].expand(2, -1, -1)
        alone = hopfield.associate(x, stored, bank.target_patterns[rows].expand(2, -1, -1))
        means.append(alone.association @ alone.values)
        acceptances.append(alone.acceptance)
        sizes.append(size)
    mixed, acceptance = laws.combine_shards(
        torch.stack(means), torch.stack(acceptances), torch.tensor(sizes)
    )
    wanted = mixed.transpose(1, 2).flatten(2)
    torch.testing.assert_close(bank(x), wanted, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(found.acceptance, acceptance, atol=1e-12, rtol=1e-12)
    alive = [shard for shard in range(4) if shard not in dead]
    torch.testing.assert_close(
        bank.acceptances(x)[..., alive], torch.stack(acceptances, -1), atol=1e-12, rtol=1e-12
    )
    assert bank.acceptances(x)[..., list(dead)].isnan().all()
    named = dict(bank.named_parameters())
    slopes = [
        torch.autograd.grad(each.square().sum(), list(named.values()), retain_graph=True)
        for each in (bank(x), wanted)
    ]
    for name, got, due in zip(named, *slopes, strict=True):
        torch.testing.assert_close(got, due, atol=1e-12, rtol=1e-12, msg=name)


@KINDS
def test_gradcheck(keys, pair, draw):
    _, bank = pair(keys, 5, 2)
    bank.dead = [1]
    x = draw(1, 2, 4).requires_grad_()
    trained = [bank.target_patterns]  # keys +-1 are straight through, which no difference sees
    if keys == "product":
        trained.append(bank.stored_patterns)
    assert torch.autograd.gradcheck(lambda x, *_: bank(x), (x, *trained))


# Circuits ----------------------------------------------------------------------------------------

EXACT = {
    "default.qubit": {"device": "default.qubit"},
    "lightning.qubit": {"device": "lightning.qubit"},
    "aer": {"backend": AerSimulator(method="statevector")},
}
CASES = {
    "even": (4, 2, (), None),
    "uneven": (5, 3, (), None),
    "one a pattern": (3, 3, (), None),
    "dead, even": (6, 3, {1}, None),
    "dead, uneven": (5, 3, {0}, None),
    # The first query sees nothing of the second shard, the second a part of it.
    "masked": (5, 2, (), [[0, 1, 0, 1, 1], [1, 0, 0, 0, 1]]),
}


@KINDS
@pytest.mark.parametrize("case", CASES)
def test_circuits_are_the_law_of_the_layer_in_one_piece(keys, case, pair, draw, answer, close):
    """Outputs, associations and all gradients, to 1e-10."""
    quantity, shards, dead, mask = CASES[case]
    one, bank = pair(keys, quantity, shards)
    bank.dead = dead
    mask = torch.tensor(mask or [[0] * quantity] * 2).bool() | hidden(bank)
    x = draw(1, 2, 4)
    wanted = answer(one, x, need_weights=True, attn_mask=mask)
    mask = None if not CASES[case][3] else mask
    paths = dict(EXACT)
    if keys == "binary":
        paths["covariance"] = {"backend": AerSimulator(), "gradient": "covariance"}
    for path in paths.values():
        with run_on(bank, **path):
            close(answer(bank, x, need_weights=True, attn_mask=mask), wanted, 1e-10)


@KINDS
def test_float_masks_on_circuits(keys, pair, draw, answer, close):
    one, bank = pair(keys, 5, 2)
    x, mask = draw(2, 2, 4), torch.linspace(-2.0, 1.0, 10, dtype=torch.float64).view(2, 5)
    mask[0, 4] = -torch.inf
    wanted = answer(one, x, attn_mask=mask)
    assert (wanted["output"] - answer(one, x)["output"]).abs().max() > 0.05
    with run_on(bank, device="default.qubit"):
        close(answer(bank, x, attn_mask=mask), wanted, 1e-10)


@KINDS
def test_updates_on_circuits(keys, pair, draw, answer, close):
    one, bank = pair(keys, 5, 2, update_steps_max=2, update_steps_eps=0.0)
    x = draw(1, 2, 4)
    with run_on(bank, device="default.qubit"):
        close(answer(bank, x), answer(one, x), 1e-10)


@pytest.mark.parametrize(
    ("quantity", "shards", "dead", "width", "weighted"),
    [(8, 4, (), 2, False), (8, 4, {0, 2}, 2, False), (7, 3, {1}, 3, True), (8, 1, (), 8, False)],
)
def test_every_shard_is_a_circuit_of_its_own(
    quantity, shards, dead, width, weighted, pair, draw, monkeypatch
):
    """All in one batch of one program; dead ones do not run, and do not change it."""
    _, bank = pair("product", quantity, shards)
    bank.dead = dead
    with torch.no_grad(), run_on(bank, device="default.qubit"):
        seen = []
        weights = bank.hopfield.executor.weights
        monkeypatch.setattr(
            bank.hopfield.executor,
            "weights",
            lambda program, angles: seen.append((program, len(angles))) or weights(program, angles),
        )
        bank(draw(3, 2, 4))
    ((program, rows),) = seen
    assert (program.num_patterns, program.weighted) == (width, weighted)
    assert rows == 3 * 2 * bank.circuits == 3 * 2 * 2 * (shards - len(dead))
    assert program.num_qubits() == bank.num_qubits()


# Shots -------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(("quantity", "shards", "dead"), [(4, 2, ()), (5, 3, ()), (6, 3, {1})])
def test_counts_of_each_shard_are_a_sample_of_its_law(
    keys, quantity, shards, dead, pair, draw, chance
):
    """Each pattern's counts, and runs that do not count: a chi-square at 1e-6."""
    shots, x = 2000, draw(2, 2, 4)
    _, bank = pair(keys, quantity, shards)
    bank.dead = dead
    law = bank.associate(x)
    for path in ({"backend": AerSimulator()}, {"device": "default.qubit"}):
        with torch.no_grad(), run_on(bank, shots=shots, seed=3, **path):
            found = bank.associate(x)
        total, start = int((~hidden(bank)).sum()), 0
        for shard, size in enumerate(bank.sizes):
            part, start = slice(start, start + size), start + size
            if shard in dead:
                assert not found.association[..., part].any()
                continue
            counts, due = (
                (each.association[..., part] * each.acceptance[..., None] * total / size)
                .detach()
                .view(-1, size)
                for each in (found, law)
            )
            counts = counts * shots
            torch.testing.assert_close(counts, counts.round(), atol=1e-6, rtol=0)
            chance.chi_square(
                torch.cat([counts, shots - counts.sum(1, keepdim=True)], 1).round(),
                torch.cat([due, 1 - due.sum(1, keepdim=True)], 1),
            )


@KINDS
@pytest.mark.parametrize("layout", ["coherent", "reuse"])
def test_outputs_within_their_standard_error(keys, layout, pair, draw, chance):
    """Bounds at a false-alarm rate of 1e-6 over the 48 outputs, of a ratio of multinomial sums."""
    shots = 4000 if layout == "coherent" else 500
    one, bank = pair(keys, 5, 2, disable_out_projection=True)
    x = draw(4, 3, 4)
    with torch.no_grad():
        law = one.associate(x)
        wanted = one(x)
        with run_on(bank, backend=AerSimulator(), shots=shots, seed=5, layout=layout):
            found = bank(x)
    mean = law.association @ law.values
    off = law.values[:, :, None] - mean[..., None, :]  # (B, H, L, M, v)
    variance, start = torch.zeros_like(mean), 0
    for size in bank.sizes:
        part, start = slice(start, start + size), start + size
        # Chances of the shard's circuit; it is size / M of the memory.
        chances = (law.association[..., part] * law.acceptance[..., None] * 5 / size)[..., None]
        spread = (chances * off[..., part, :] ** 2).sum(-2) - (chances * off[..., part, :]).sum(
            -2
        ) ** 2
        variance += (size / 5) ** 2 * spread / shots
    error = (variance.sqrt() / law.acceptance[..., None]).transpose(1, 2).flatten(2)
    deviations = chance.normal(found, wanted, error)
    assert 0.5 < (deviations**2).mean() < 1.7  # errors are neither smaller nor greater than said


@KINDS
@pytest.mark.parametrize("gradient", ["covariance", "parameter-shift"])
def test_gradients_by_shots(keys, gradient, pair, draw, answer, chance):
    """16 runs: the mean gradient of every input and weight is the law's (Student's t, 1e-6)."""
    one, bank = pair(keys, 3, 2, scaling=0.6)
    x = 0.7 * draw(1, 2 if gradient == "covariance" else 1, 4)
    law = answer(one, x)
    with run_on(bank, backend=AerSimulator(), shots=1500, seed=2, gradient=gradient):
        runs = [answer(bank, x) for _ in range(16)]
    assert runs[0]["output"].ne(runs[1]["output"]).any()
    for name, wanted in law.items():
        chance.sampled(torch.stack([run[name] for run in runs]), wanted)
    joined = [torch.cat([value.flatten() for value in run.values()]) for run in (law, *runs)]
    chance.sampled(torch.stack([run @ joined[0] for run in joined[1:]]), joined[0] @ joined[0])


def test_a_shard_without_an_accepted_run_weighs_nothing():
    """The second shard accepts e^-32 of its runs."""
    rows = [[1, 1, 1, 1], [1, 1, 1, -1], [-1, -1, -1, 1], [-1, -1, -1, -1]]
    bank = SubmoduleBank.store(rows, shards=2, scaling=4.0, dtype=torch.float64)
    probe = torch.ones(1, 4, dtype=torch.float64)
    place = {"backend": AerSimulator(), "shots": 200, "seed": 1}
    with torch.no_grad(), run_on(bank, **place):
        output, share = bank(probe, need_weights=True)
        assert bank.acceptances(probe)[0, 0, 1] == 0.0
    assert share[0, 0, 2:].tolist() == [0.0, 0.0]
    torch.testing.assert_close(share.sum(), torch.ones((), dtype=torch.float64))
    assert output[0, :3].tolist() == [1.0, 1.0, 1.0]


def test_a_query_of_which_no_shard_accepts_a_run():
    rows = [[1, 1, 1, 1], [1, 1, 1, -1], [-1, 1, 1, 1], [1, -1, 1, 1], [1, 1, -1, 1]]
    bank = SubmoduleBank.store(rows, shards=2, scaling=9.0)
    probes = torch.tensor([[1.0, 1, 1, 1], [-1.0, -1, -1, -1]])
    place = {"backend": AerSimulator(), "shots": 50, "seed": 1}
    message = re.escape("1 of 2 queries (of 2 circuits each) had no accepted run among 50 shots")
    with run_on(bank, **place), pytest.raises(EmptyRun, match=message):
        bank(probes)
    bank.dead = {1}
    with run_on(bank, empty="prior", **place):
        _, share = bank(probes, need_weights=True)
        assert bank.hopfield.executor.empty_runs == 1
    torch.testing.assert_close(share[0, 1], torch.tensor([1.0, 1, 1, 0, 0]) / 3)


# Losses ------------------------------------------------------------------------------------------


@KINDS
def test_dead_shards_are_a_memory_without_their_patterns(keys, pair, draw, answer):
    one, bank = pair(keys, 7, 3)
    x = draw(2, 3, 4)
    whole = bank(x)
    bank.dead = [2, 0]
    assert bank.dead == {0, 2}
    fewer = QuantumHopfieldLayer(4, num_heads=2, quantity=2, keys=keys, dtype=torch.float64)
    kept = {
        name: value[3:5] if name in ("stored_patterns", "target_patterns") else value
        for name, value in one.state_dict().items()
    }
    fewer.load_state_dict(kept)
    torch.testing.assert_close(bank(x), fewer(x), atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(bank(x[0]), bank(x)[0], atol=1e-12, rtol=1e-12)
    slopes = answer(bank, x)
    assert not slopes["d target_patterns"][hidden(bank)].any()
    assert slopes["d target_patterns"][~hidden(bank)].all()
    bank.dead = ()
    torch.testing.assert_close(bank(x), whole, atol=0, rtol=0)


def test_shards_dropped_in_training(pair, draw, chance):
    """Every call answers as with some shards dead; how many is binomial, given that one stays."""
    _, other = pair("product", 6, 3)
    bank = SubmoduleBank(
        4,
        num_heads=2,
        quantity=6,
        shards=3,
        keys="product",
        dropout_shards=0.5,
        dtype=torch.float64,
    )
    bank.load_state_dict(other.state_dict())
    x = draw(2, 1, 4)
    subsets = [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    answers = []
    for dead in subsets:
        other.dead = dead
        answers.append(other(x))
    counts = np.zeros(len(subsets))
    with torch.no_grad():
        for _ in range(800):
            found = bank(x)
            hits = [torch.allclose(found, each, atol=1e-12) for each in answers]
            assert sum(hits) == 1
            counts[hits.index(True)] += 1
        torch.testing.assert_close(bank.eval()(x), answers[0], atol=1e-12, rtol=0)
    # One eighth each, and what would drop all three drops two of them.
    chance.chi_square(counts[None], np.array([[3, 3, 3, 3, 4, 4, 4]]) / 24)
    bank.train().dead = {0}
    bank.dropout_shards = 0.99
    for _ in range(20):
        share = bank(x, need_weights=True)[1]
        assert not share[..., :2].any()
        assert share.sum(-1).allclose(torch.ones((), dtype=torch.float64))


# Making one --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "neurons", "layout", "max_qubits", "shards"),
    [
        (100, 4, None, 12, 7),  # 8 qubits beside 4 of the index
        (100, 4, None, 8, 100),
        (100, 4, None, 15, 1),
        (100, 4, None, 200, 1),
        (16, 4, None, 11, 2),
        (4096, 8, "reuse", 6, 256),
        (1, 4, None, 8, 1),
    ],
)
def test_as_few_shards_as_fit(quantity, neurons, layout, max_qubits, shards):
    place = {} if layout is None else {"backend": AerSimulator(), "shots": 10, "layout": layout}
    bank = SubmoduleBank(neurons, quantity=quantity, max_qubits=max_qubits, **place)
    assert bank.shards == shards
    assert bank.num_qubits(layout or "coherent") <= max_qubits
    if shards > 1:  # one fewer would not fit
        fewer = SubmoduleBank(neurons, quantity=quantity, shards=shards - 1)
        assert fewer.num_qubits(layout or "coherent") > max_qubits


@KINDS
@pytest.mark.parametrize("heads", [1, 2])
def test_given_patterns_are_those_of_the_layer_that_stores_them(keys, heads, draw):
    rows = torch.tanh(draw(5, 4)) if keys == "product" else torch.tensor(np.eye(5, 4) * 2 - 1)
    values, probes = draw(5, 6), draw(3, 4)
    for given in (None, values):
        options = {"num_heads": heads, "keys": keys, "scaling": 0.8, "dtype": torch.float64}
        memory = QuantumHopfield.store(rows, given, **options)
        bank = SubmoduleBank.store(rows, given, shards=2, **options)
        torch.testing.assert_close(bank(probes), memory(probes), atol=1e-12, rtol=0)
        assert not list(bank.parameters())
        with run_on(bank, device="default.qubit"):
            torch.testing.assert_close(bank(probes), memory(probes), atol=1e-10, rtol=0)
    steps = SubmoduleBank.store(rows, shards=2, update_steps_max=1, **options)
    torch.testing.assert_close(
        steps.associate(probes).queries.transpose(0, 1).flatten(1),
        QuantumHopfield.store(rows, **options).recall(probes),
    )


def test_patterns_of_its_own_are_buffers(draw):
    rows, labels = draw(5, 3), draw(5, 2)
    bank = SubmoduleBank(
        4, hidden_size=2, patterns=rows, targets=labels, shards=2, dtype=torch.float64
    )
    assert {"stored_patterns", "target_patterns"} <= set(dict(bank.named_buffers()))
    assert bank.quantity == 5
    bank.reset_parameters()
    assert torch.equal(bank.stored_patterns, rows) and torch.equal(bank.target_patterns, labels)
    bank(draw(2, 3, 4)).sum().backward()
    assert all(each.grad is not None for each in bank.parameters())
    assert bank.hopfield.stored_projection.in_features == 3
    trained = SubmoduleBank(4, patterns=rows, shards=2)
    assert isinstance(trained.target_patterns, nn.Parameter)
    assert trained.stored_patterns.dtype == torch.float32


def test_what_it_costs_is_shown(pair):
    _, bank = pair("binary", 7, 3)
    assert bank.extra_repr() == (
        "quantity=7, shards=3 of up to 3 patterns, 6 qubits a circuit (4 with layout='reuse'), "
        "6 circuits a query"
    )
    bank.dead, bank.dropout_shards = {1}, 0.2
    assert bank.extra_repr().endswith("4 circuits a query, dead={1}, dropout_shards=0.2")
    assert (bank.shards, bank.sizes, bank.circuits) == (3, (3, 2, 2), 4)
    found = bank.resources("reuse")
    assert (found.qubits, found.circuits, found.updates) == (4, 4, 0)
    circuit = bank.circuit(torch.zeros(1, 1, 4, dtype=torch.float64), shard=2, layout="reuse")
    gates = sum(1 for each in circuit.data if len(each.qubits) == 2)
    assert found.two_qubit_gates == 4 * gates > 0
    assert circuit.num_qubits == found.qubits


@KINDS
@pytest.mark.parametrize("masked", [False, True])
def test_circuit_and_qnode_of_each_shard(keys, masked, pair, draw):
    """Its share of the accepted runs is that within the shard, its acceptance the shard's."""
    _, bank = pair(keys, 5, 2)
    bank.dead = {0}  # which may be looked at all the same
    x = draw(2, 3, 4)
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[2, [1, 4]] = masked
    given = {"attn_mask": mask} if masked else {}
    alive = copy.deepcopy(bank)
    alive.dead = ()
    share = alive.associate(x, **given).association[1, 1, 2]
    for shard, part in enumerate((slice(0, 3), slice(3, 5))):
        node, angles = bank.qnode(x, shard=shard, batch=1, head=1, query=2, **given)
        weights = node(angles)[: part.stop - part.start]
        within = share[part] / share[part].sum()
        torch.testing.assert_close(weights / weights.sum(), within, atol=1e-10, rtol=0)
        if not masked:
            acceptance = alive.acceptances(x)[1, 1, 2, shard]
            torch.testing.assert_close(weights.sum(), acceptance, atol=1e-10, rtol=0)
        circuit = bank.circuit(x, shard=shard, batch=1, head=1, query=2, **given)
        single = bank.circuit(x[1], shard=shard, head=1, query=2, **given)
        assert circuit == single
        assert circuit.num_qubits == bank.num_qubits() == 6


# What PyTorch users rely on ----------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("first", [True, False])
def test_batches(keys, batch, first):
    bank = SubmoduleBank(4, num_heads=2, quantity=5, shards=2, keys=keys, batch_first=first)
    bank.dead = {1}
    shape = (batch, 2, 4) if first else (2, batch, 4)
    x = torch.randn(*shape).requires_grad_()
    paths = ({}, {"device": "default.qubit"}, {"backend": AerSimulator(), "shots": 500, "seed": 1})
    for path in paths:
        with run_on(bank, **path):
            output = bank(x)
            assert bank.acceptances(x).shape == (batch, 2, 2, 2)
        output.sum().backward()
        assert output.shape == x.grad.shape == shape
        assert output.dtype == torch.float32
        for sample in range(batch if "shots" not in path else 0):
            axis = 0 if first else 1
            alone = bank(x.narrow(axis, sample, 1))
            torch.testing.assert_close(alone, output.narrow(axis, sample, 1), atol=1e-5, rtol=1e-4)


def test_state_dict_is_that_of_the_layer(pair, draw):
    """Losses and shards are no part of what was learnt."""
    one, bank = pair("product", 5, 2)
    bank.dead = {0}
    assert bank.state_dict().keys() == one.state_dict().keys()
    buffer = io.BytesIO()
    torch.save(bank.state_dict(), buffer)
    buffer.seek(0)
    other = SubmoduleBank(4, num_heads=2, quantity=5, shards=4, keys="product", dtype=torch.float64)
    x = draw(2, 3, 4)
    assert (other(x) - one(x)).abs().max() > 1e-3
    other.load_state_dict(torch.load(buffer, weights_only=True))
    torch.testing.assert_close(other(x), one(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))],
    ids=["copy", "pickle"],
)
@pytest.mark.parametrize("execution", [{}, {"backend": AerSimulator(), "shots": 200, "seed": 1}])
def test_copies(copied, execution):
    bank, x = SubmoduleBank(4, quantity=5, shards=2, scaling=0.3, **execution), torch.randn(1, 2, 4)
    bank.dead = {1}
    for _ in range(2):  # new, and after it ran
        twin = copied(bank)
        assert repr(twin) == repr(bank) and twin.dead == {1}
        assert torch.equal(twin(x), bank(x)) != bool(execution)  # shots of its own
    twin.dead = {0}
    assert bank.dead == {1}


def test_compile():
    torch.compiler.reset()
    bank = SubmoduleBank(4, num_heads=2, quantity=5, shards=2, keys="product", dropout_shards=0.4)
    bank.dead = {1}  # so that the other is never dropped
    compiled = torch.compile(bank, fullgraph=True, backend="aot_eager")
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(compiled(x), bank(x))
    bank.dead = {0}
    torch.testing.assert_close(compiled(x), bank(x))


@KINDS
def test_gradients_of_each_sample(keys, pair, draw):
    _, bank = pair(keys, 5, 2)
    bank.dead = {1}
    x = draw(3, 2, 4)
    parameters = {key: value.detach() for key, value in bank.named_parameters()}

    def loss(values, sample):
        return functional_call(bank, values, (sample[None],)).square().sum()

    together = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
    for sample in range(3):
        bank.zero_grad()
        bank(x[sample : sample + 1]).square().sum().backward()
        for key, value in bank.named_parameters():
            torch.testing.assert_close(together[key][sample], value.grad)


def test_meta_device():
    bank = SubmoduleBank(4, quantity=5, shards=2, device="meta")
    bank.dead = {1}
    assert bank(torch.empty(2, 3, 4, device="meta")).is_meta


# Bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"shards": 0}, ValueError, "shards must be >= 1, got 0."),
        ({"shards": 2.0}, TypeError, "shards must be an integer, got 2.0"),
        ({"shards": True}, TypeError, "shards must be an integer, got True"),
        ({"shards": 6}, ValueError, "shards=6 is more than there are patterns, 5: a shard would"),
        ({}, ValueError, "Give either shards=, into how many the patterns are cut, or max_qubits="),
        ({"shards": 2, "max_qubits": 9}, ValueError, "what a circuit may take; got both."),
        ({"max_qubits": 0}, ValueError, "max_qubits must be >= 1, got 0."),
        ({"max_qubits": "9"}, TypeError, "max_qubits must be an integer, got '9'"),
        (
            {"max_qubits": 7},
            ValueError,
            "max_qubits=7 is too few: 4 neurons take 8 qubits beside the index with "
            "layout='coherent'. Use a smaller hidden_size, more heads, or shards= and "
            "layout='reuse'",
        ),
        ({"shards": 1, "quantity": None}, ValueError, "Give quantity=, the number of patterns, or"),
        ({"shards": 1, "quantity": 0}, ValueError, "quantity must be >= 1, got 0."),
        (
            {"shards": 1, "patterns": [[1.0] * 4] * 3},
            ValueError,
            "patterns must have 5 rows, one a pattern; got 3.",
        ),
        (
            {"shards": 1, "targets": [[1.0]] * 4},
            ValueError,
            "targets must have 5 rows, one a pattern; got 4.",
        ),
        ({"shards": 1, "patterns": [[NAN]] * 5}, ValueError, "patterns"),
        ({"shards": 1, "patterns": "ab"}, TypeError, "patterns"),
        (
            {"shards": 1, "patterns": [[1.0]] * 5, "stored_size": 2},
            ValueError,
            "patterns are 1 wide, and stored_size=2; leave stored_size out.",
        ),
        (
            {"shards": 1, "targets": [[1.0]] * 5, "target_size": 2},
            ValueError,
            "targets are 1 wide, and target_size=2; leave target_size out.",
        ),
        (
            {"shards": 1, "targets": [[1.0]] * 5, "trainable_targets": False},
            ValueError,
            "targets= are targets of their own; with trainable_targets=False",
        ),
        (
            {"shards": 1, "dropout_shards": 1.0},
            ValueError,
            "dropout_shards must be in [0, 1), got 1.",
        ),
        ({"shards": 1, "dropout_shards": -0.1}, ValueError, "dropout_shards must be a finite num"),
        ({"shards": 1, "shots": 9}, ValueError, "shots= is for circuits, and without device="),
    ],
)
def test_making_a_bank(given, error, message):
    with pytest.raises(error, match=re.escape(message)):
        SubmoduleBank(4, **{"quantity": 5} | given)


@pytest.mark.parametrize(
    ("dead", "error", "message"),
    [
        ({0, 1}, ValueError, "All 2 shards are dead, so nothing is left to recall from; leave at"),
        ({2}, ValueError, "a dead shard must be between 0 and 1, got 2."),
        ({-1}, ValueError, "a dead shard must be between 0 and 1, got -1."),
        ({0.0}, TypeError, "a dead shard must be an integer, got 0.0"),
        ([True], TypeError, "a dead shard must be an integer, got True"),
        (1, TypeError, "dead must be a set of shards' numbers, got 1."),
        ("0", TypeError, "dead must be a set of shards' numbers, got '0'."),
    ],
)
def test_losing_shards(dead, error, message):
    bank = SubmoduleBank(4, quantity=5, shards=2)
    bank.dead = {1}
    with pytest.raises(error, match=re.escape(message)):
        bank.dead = dead
    assert bank.dead == {1}


@pytest.mark.parametrize(
    ("state", "masks", "error", "message"),
    [
        ("x", {}, TypeError, "state must be a torch.Tensor"),
        (torch.zeros(2, 2, 5), {}, ValueError, "state must have shape (batch, length, 4)"),
        (torch.full((2, 2, 4), NAN), {}, ValueError, "state must be finite"),
        (
            torch.zeros(2, 2, 4),
            {"attn_mask": torch.zeros(2, 3)},
            ValueError,
            "attn_mask must have shape (length, patterns)=(2, 5)",
        ),
        (
            torch.zeros(1, 1, 4),
            {"attn_mask": torch.tensor([[True, True, True, False, False]])},
            ValueError,
            "Every pattern is masked for 1 of 1 queries",
        ),
    ],
)
def test_calling_a_bank(state, masks, error, message):
    bank = SubmoduleBank(4, quantity=5, shards=2)
    bank.dead = {1}
    for call in (bank, bank.associate):
        with pytest.raises(error, match=re.escape(message)):
            call(state, **masks)
    with pytest.raises(IndexError, match="shard must be between 0 and 1, got 2"):
        bank.circuit(torch.zeros(1, 1, 4), shard=2)


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        ([[1, 2]], {}, ValueError, "patterns must hold only +1 and -1"),
        ([[1, -1], [1, -1]], {}, ValueError, "patterns must be distinct"),
        ([[1, -1]], {"values": [[1.0], [2.0]]}, ValueError, "values must have one row a pattern"),
        ([[1, -1]], {"shards": 2}, ValueError, "shards=2 is more than there are patterns, 1"),
    ],
)
def test_storing(given, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        SubmoduleBank.store(given, **{"shards": 1} | options)
