"""Wrong ways to run a layer, and what is said about them."""

from __future__ import annotations

import re

import pennylane as qml
import pytest
import torch
from qiskit.primitives import StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_aer.primitives import SamplerV2

from qhopfield.hybrid import Execution, QuantumHopfield, run_on
from qhopfield.hybrid.execution import PennyLaneExecutor, QiskitExecutor

LAW = "= is for circuits, and without device= or backend= the layer runs on its exact law: add dev"
AER, SAMPLER = AerSimulator(), SamplerV2()
DEVICE = GenericBackendV2(5, seed=1)

PLACES = [
    # circuits' options on the law
    ({"shots": 100}, ValueError, f"shots{LAW}"),
    ({"gradient": "parameter-shift"}, ValueError, f"gradient{LAW}"),
    ({"layout": "reuse"}, ValueError, f"layout{LAW}"),
    # one place at a time
    (
        {"device": "default.qubit", "backend": AER},
        ValueError,
        "Give either device= (PennyLane) or backend= (Qiskit), not both.",
    ),
    (
        {"device": "default.qubit", "sampler": SAMPLER},
        ValueError,
        "or sampler= (Qiskit), not both.",
    ),
    (
        {"device": "default.qubit", "noise_model": NoiseModel()},
        ValueError,
        "or noise_model= (Qiskit), not both.",
    ),
    (
        {"backend": AER, "sampler": SAMPLER, "shots": 9},
        ValueError,
        "Give either backend= or sampler=",
    ),
    (
        {"backend": AER, "noise_model": NoiseModel(), "shots": 9},
        ValueError,
        "Give either backend= or noise_model=: an AerSimulator carries its own noise",
    ),
    (
        {"sampler": SAMPLER, "noise_model": NoiseModel(), "shots": 9},
        ValueError,
        "noise_model= is for Aer; a device and a sampler have noise of their own.",
    ),
    (
        {"device": "default.qubit", "layout": "reuse"},
        ValueError,
        "layout= is for Qiskit; PennyLane",
    ),
    # devices
    (
        {"device": "no.such"},
        ValueError,
        "PennyLane has no device 'no.such': Device no.such does not",
    ),
    (
        {"device": "quantum"},
        ValueError,
        "device must be a torch device such as 'cpu' or 'cuda', or a PennyLane device such as "
        "'default.qubit'; got 'quantum'.",
    ),
    (
        {"device": 0.5},
        TypeError,
        "device must be a torch device, a PennyLane device or the name of",
    ),
    (
        {"device": AER},
        TypeError,
        "device must be a torch device, a PennyLane device or the name of",
    ),
    ({"device": "cpu"}, ValueError, "device='cpu' is a torch device; move the module with .to()"),
    ({"backend": "aer", "shots": 9}, TypeError, "backend must be a BackendV2, got str."),
    ({"sampler": "aer", "shots": 9}, TypeError, "sampler must be a SamplerV2, got str."),
    (
        {"noise_model": 0.1, "shots": 9},
        TypeError,
        "noise_model must be a qiskit_aer.noise.NoiseModel",
    ),
    # shots
    ({"backend": AER, "shots": 0}, ValueError, "shots must be >= 1, got 0."),
    ({"device": "default.qubit", "shots": -5}, ValueError, "shots must be >= 1, got -5."),
    ({"backend": AER, "shots": 10.0}, TypeError, "shots must be an integer, got 10.0 (float)."),
    ({"device": "default.qubit", "shots": True}, TypeError, "shots must be an integer, got True"),
    (
        {"sampler": SAMPLER},
        ValueError,
        "SamplerV2 draws shots and has no exact probabilities: pass shots=1000, say, or "
        "backend=AerSimulator() for exact ones.",
    ),
    (
        {"backend": DEVICE},
        ValueError,
        "generic_backend_5q draws shots and has no exact probabilities",
    ),
    # gradients
    (
        {"backend": AER, "gradient": "spsa"},
        ValueError,
        "gradient must be one of 'covariance', 'parameter-shift', 'device'; got 'spsa'.",
    ),
    (
        {"backend": AER, "gradient": "device"},
        ValueError,
        "gradient on Qiskit must be one of 'covariance', 'parameter-shift'; got 'device'.",
    ),
    (
        {"device": "default.qubit", "gradient": "covariance", "shots": 9},
        ValueError,
        "gradient='covariance' with shots reads single shots, which the Qiskit backends keep",
    ),
    # layouts
    (
        {"backend": AER, "layout": "ring", "shots": 9},
        ValueError,
        "layout must be one of 'coherent', 'reuse'; got 'ring'.",
    ),
    (
        {"backend": AER, "layout": "reuse"},
        ValueError,
        "layout='reuse' measures on the way, which has no exact probabilities: pass shots",
    ),
    (
        {"sampler": StatevectorSampler(), "layout": "reuse", "shots": 9},
        ValueError,
        "layout='reuse' measures and resets on the way, which StatevectorSampler cannot do",
    ),
    # the rest
    (
        {"backend": AER, "empty": "ignore"},
        ValueError,
        "empty must be one of 'raise', 'prior'; got 'ignore'.",
    ),
    ({"backend": AER, "seed": -1}, ValueError, "seed must be >= 0, got -1."),
    ({"device": "default.qubit", "seed": "a"}, TypeError, "seed must be an integer"),
    (
        {"device": qml.device("default.qubit"), "seed": 1},
        ValueError,
        "seed= is for a device that is made here, and default.qubit is made already",
    ),
    ({"device": "null.qubit", "seed": 1}, ValueError, "null.qubit takes no seed; leave seed= out."),
    ({"simulator": AER}, TypeError, "unexpected keyword argument 'simulator'"),
]


@pytest.mark.parametrize(("place", "error", "message"), PLACES)
def test_moving_a_layer(place, error, message):
    layer = QuantumHopfield(2)
    with pytest.raises(error, match=re.escape(message)), run_on(layer, **place):
        pass
    assert layer.execution == Execution()
    if place.get("device") != "cpu":
        with pytest.raises(error, match=re.escape(message)):
            QuantumHopfield(2, **place)


RUNS = [
    (
        {"device": qml.device("default.qubit", wires=3)},
        {},
        ValueError,
        "The circuit needs 6 wires and default.qubit has 3; leave the wires off the device",
    ),
    (
        {"device": qml.device("lightning.qubit", wires=["a", "b"])},
        {},
        ValueError,
        "The circuit needs 6 wires and lightning.qubit has 2",
    ),
    (
        {"backend": DEVICE, "shots": 9, "layout": "coherent"},
        {},
        ValueError,
        "The circuit needs 6 qubits and generic_backend_5q has 5. Use layout='reuse' with shots",
    ),
    (
        {"backend": GenericBackendV2(3, seed=1), "shots": 9},
        {},
        ValueError,
        "The circuit needs 4 qubits and generic_backend_3q has 3.",
    ),
    (
        {"device": "default.qubit"},
        {"attn_mask": torch.zeros(3, 3, requires_grad=True)},
        ValueError,
        "A mask that carries a gradient works on the law only",
    ),
    (
        {"backend": AER, "shots": 9},
        {"attn_mask": torch.zeros(3, 3, requires_grad=True)},
        ValueError,
        "A mask that carries a gradient works on the law only",
    ),
]


@pytest.mark.parametrize(("place", "masks", "error", "message"), RUNS)
def test_running_a_layer(place, masks, error, message):
    layer = QuantumHopfield(2, **place)
    with pytest.raises(error, match=re.escape(message)):
        layer(torch.zeros(1, 3, 2), **masks)


@pytest.mark.parametrize("place", [{"backend": AER}, {"device": "lightning.qubit"}])
def test_covariance_of_product_states_without_shots(place):
    layer = QuantumHopfield(2, keys="product", gradient="covariance", **place)
    message = "gradient='covariance' of product-state keys reads the recorded shots"
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(1, 3, 2))


def test_records_without_shots():
    layer = QuantumHopfield(2)
    program = layer.program(2)
    angles = torch.zeros(1, program.num_angles)
    for executor in (QiskitExecutor(), PennyLaneExecutor(shots=9)):
        with pytest.raises(ValueError, match="keeps no single shots, which gradient='covariance'"):
            executor.records(program, angles)


def test_too_wide_for_this_machine():
    """Refused before it is built."""
    layer = QuantumHopfield(40, backend=AER)
    message = r"82 qubits need .* for a statevector; .* Use layout='reuse' with shots"
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(1, 3, 40))


def test_layer_on_a_qnode_with_too_few_wires():
    with pytest.raises(ValueError, match=r"The circuit needs 6 wires and default\.qubit has 2"):
        QuantumHopfield(2).qnode(torch.zeros(1, 3, 2), device=qml.device("default.qubit", wires=2))
