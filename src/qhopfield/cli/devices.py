"""What runs the circuits: Aer or a device, noise, and the mitigation of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import RUN, refuse

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit_aer.noise import NoiseModel

    from ..circuits.execution import Mitigation

BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="aer, mps (Aer's matrix product states), generic (Qiskit's GenericBackendV2, a "
        "made-up noisy device), or fake_brisbane and its like: IBM devices as they were once "
        "calibrated, simulated (needs pip install qhopfield\\[devices]).",
        rich_help_panel=RUN,
    ),
]
Qubits = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Qubits of the generic device. As many as needed if left out.",
        rich_help_panel=RUN,
    ),
]
Depolarizing = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Strength of a depolarising channel after every two-qubit gate.",
        rich_help_panel=RUN,
    ),
]
Readout = Annotated[
    float | None,
    typer.Option(metavar="P", help="Probability that a measurement errs.", rich_help_panel=RUN),
]
T1 = Annotated[
    float | None,
    typer.Option(
        "--t1",
        metavar="US",
        help="Relaxation time in microseconds; gates take 50 and 300 ns, a read-out 1000 ns.",
        rich_help_panel=RUN,
    ),
]
Mitigate = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Errors to mitigate, between commas: readout (M3), zne (gates at 1, 3 and 5 times "
        "their noise, extrapolated to none), codewords (reject what was never stored).",
        rich_help_panel=RUN,
    ),
]

MITIGATIONS = ("readout", "zne", "codewords")
ZERO_NOISE = (1, 3, 5)


def build_backend(name: str, qubits: int | None, needed: int) -> BackendV2 | None:
    """Makes the backend; None stands for Aer as the library sets it up.

    Args:
        name: ``aer``, ``mps``, ``generic``, or a fake device of qiskit-ibm-runtime.
        qubits: width of the generic device, or None for ``needed``.
        needed: qubits of the circuit.

    Raises:
        ImportError: a fake device, and qiskit-ibm-runtime is not installed.
        ValueError: an unknown name, or a device that is too small.
    """
    from ..circuits.common.checks import check_choice, check_count

    if name != "generic":
        refuse("--backend generic", qubits=qubits)
    if name.startswith("fake_"):
        return _fake(name)
    check_choice(name, "--backend", ("aer", "mps", "generic", "fake_..."))
    if name == "aer":
        return None
    if name == "mps":
        from qiskit_aer import AerSimulator

        return AerSimulator(method="matrix_product_state")
    from qiskit.providers.fake_provider import GenericBackendV2

    width = needed if qubits is None else check_count(qubits, "--qubits", minimum=1)
    if width < needed:
        raise ValueError(f"--qubits must be >= {needed}, what the circuit needs; got {width}.")
    # A device has two qubits at least; the seed makes it the same device every time.
    return GenericBackendV2(max(width, 2), control_flow=True, seed=0)


def build_noise(
    depolarizing: float | None, readout: float | None, t1: float | None = None
) -> NoiseModel | None:
    """Makes Aer's noise, or None where nothing is given.

    Args:
        depolarizing: strength of the depolarising channel after a two-qubit gate.
        readout: probability that a measurement errs.
        t1: relaxation time in microseconds.

    Raises:
        ValueError: a probability outside [0, 1], or a time that is not positive.
    """
    from ..circuits.common.checks import check_real

    if depolarizing is None and readout is None and t1 is None:
        return None
    from ..circuits.execution import make_noise

    given = {}
    for name, value in (("--depolarizing", depolarizing), ("--readout", readout)):
        given[name] = check_real(value or 0.0, name, minimum=0.0, maximum=1.0)
    if t1 is not None:
        t1 = check_real(t1, "--t1", minimum=0.0, exclusive=True)
    return make_noise(two_qubit=given["--depolarizing"], readout=given["--readout"], t1=t1)


def build_mitigation(names: str | None) -> Mitigation | None:
    """Makes the mitigation that was asked for, or None.

    Args:
        names: of :data:`MITIGATIONS`, between commas.

    Raises:
        ValueError: an unknown name, or none.
    """
    if names is None:
        return None
    from ..circuits.common.checks import check_choice
    from ..circuits.execution import Mitigation

    wanted = {
        check_choice(each.strip(), "each of --mitigate", MITIGATIONS) for each in names.split(",")
    }
    return Mitigation(
        readout="readout" in wanted,
        zero_noise=ZERO_NOISE if "zne" in wanted else None,
        codewords="codewords" in wanted,
    )


def _fake(name: str) -> BackendV2:
    """A fake device, by the name that it calls itself."""
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError as error:
        raise ImportError(
            f"--backend {name} needs qiskit-ibm-runtime: pip install qhopfield[devices]. "
            "generic is a made-up device that needs nothing more."
        ) from error
    title = "".join(part.capitalize() for part in name.split("_"))
    for each in (title, f"{title}V2"):
        if hasattr(fake_provider, each):
            device: BackendV2 = getattr(fake_provider, each)()
            return device
    raise ValueError(
        f"--backend: qiskit-ibm-runtime has no device {name}; there are fake_manila (5 qubits), "
        "fake_guadalupe (16), fake_brisbane (127), fake_torino (133) and others."
    )
