"""Layers wider than the number of qubits that a simulator names."""

from __future__ import annotations

import pytest
import torch
from qiskit_aer import AerSimulator

from qhopfield.hybrid import QuantumHopfieldNetwork, run_on


@pytest.mark.fault(
    "a layer of 41 qubits on AerSimulator() was refused in words about broken qubits",
    kind="a simulator's own number of qubits is taken for a device's",
)
def test_a_wide_layer_runs_where_its_rank_is_small():
    layer = QuantumHopfieldNetwork(40)
    for method in ("automatic", "matrix_product_state"):
        backend = AerSimulator(method=method)
        with run_on(layer, backend=backend, shots=20, seed=1):
            assert layer(torch.ones(1, 40)).shape == (1, 40)
    backend = AerSimulator(method="statevector")
    with (
        run_on(layer, backend=backend, shots=20, seed=1),
        pytest.raises(ValueError, match=r"41 qubits need .*Use backend=AerSimulator\(method='mat"),
    ):
        layer(torch.ones(1, 40))
