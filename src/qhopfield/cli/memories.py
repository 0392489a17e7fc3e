"""Options of the superposition methods, and the methods that are built from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from . import options as opt

if TYPE_CHECKING:
    from ..circuits.blocks.filters import MemoryFilter
    from ..circuits.methods import Method

PANEL = "Superposition methods"
FILTERS = ("auto", "exp", "kernel", "trugenberger")
# What each method takes of the options below; sharpness belongs to a filter.
TAKEN = {
    "filtered": ("filter", "least", "iterations"),
    "amplified": ("filter", "rounds"),
    "vote": ("votes",),
    "rejection": ("filter",),
    "softmax": ("filter", "iterations"),
}

MethodName = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="NAME",
        help="neurons; or from a superposition of all patterns: filtered, amplified, vote (dense "
        "model), and their classical twins rejection and softmax.",
        rich_help_panel=opt.METHOD,
    ),
]
FilterName = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="NAME",
        help="What keeps a pattern: auto (the model's own separation function), exp (--beta), "
        "kernel (the same softmax by a distance register) or trugenberger. auto if left out.",
        rich_help_panel=PANEL,
    ),
]
Controls = Annotated[
    int | None,
    typer.Option(
        metavar="B",
        help="Control qubits of the trugenberger filter. 1 if left out.",
        rich_help_panel=PANEL,
    ),
]
Least = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How filtered with a kernel learns the least distance it subtracts: given (--d-min), "
        "descending or quantum. given if left out.",
        rich_help_panel=PANEL,
    ),
]
DMin = Annotated[
    int | None,
    typer.Option(
        metavar="D",
        help="Least distance that occurs, for the kernel filter. 0 if left out.",
        rich_help_panel=PANEL,
    ),
]
Rounds = Annotated[
    str | None,
    typer.Option(
        metavar="R",
        help="Rounds of amplified: a number, auto or unknown. auto if left out.",
        rich_help_panel=PANEL,
    ),
]
Iterations = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="How often filtered or softmax feed the mean spins back. 1 (once through) if left "
        "out; more need an exp filter.",
        rich_help_panel=PANEL,
    ),
]
Votes = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Shots an update of vote. 256 if left out.", rich_help_panel=PANEL
    ),
]


@dataclass(frozen=True)
class Choices:
    """The options of superposition methods as they were given; None where one was left out."""

    filter: str | None = None
    controls: int | None = None
    least: str | None = None
    d_min: int | None = None
    rounds: str | None = None
    iterations: int | None = None
    votes: int | None = None

    @property
    def sharp(self) -> bool:
        """Whether the filter takes a beta of its own."""
        return self.filter in ("exp", "kernel")

    def model_beta(self, beta: float | None, takes: bool) -> float | None:
        """What of ``--beta`` goes to the model.

        Args:
            beta: the option.
            takes: whether the model has a beta. If neither model nor filter has, the model is
                given it nevertheless, and refuses it.
        """
        return beta if takes or not self.sharp else None

    def refuse_for(self, name: str) -> None:
        """Refuses options that a method does not take.

        Raises:
            ValueError: one was given.
        """
        taken = TAKEN.get(name, ())
        if "filter" in taken:
            taken += ("controls", "d_min")
        for option, value in asdict(self).items():
            if option not in taken:
                kind = "filter" if option in ("controls", "d_min") else option
                owners = [each for each, options in TAKEN.items() if kind in options]
                opt.refuse(f"--method {' and '.join(owners)}", **{option: value})


def build_superposition(
    name: str,
    choices: Choices,
    *,
    beta: float | None = None,
    sweeps: int | None = None,
    order: str | None = None,
    synchronous: bool = False,
) -> Method:
    """Makes a method that works on a superposition of patterns, or its classical twin.

    Args:
        name: one of :data:`TAKEN`.
        choices: its options.
        beta: inverse temperature of an exp or kernel filter.
        sweeps: of ``vote``.
        order: of ``vote``.
        synchronous: of ``vote``.

    Raises:
        ValueError: an unknown name, a number out of range, or an option of another method.
    """
    from ..circuits import (
        AmplifiedMemory,
        DenseVote,
        DirectSoftmax,
        FilteredMemory,
        RejectionSampling,
    )
    from ..circuits.common.checks import check_choice

    check_choice(name, "--method", tuple(TAKEN))
    choices.refuse_for(name)
    if name == "vote":
        return DenseVote(
            sweeps=1 if sweeps is None else sweeps,
            order=opt.read_order("sequential" if order is None else order),
            votes=256 if choices.votes is None else choices.votes,
            synchronous=synchronous,
        )
    opt.refuse(
        "--method neurons and vote", sweeps=sweeps, order=order, synchronous=synchronous or None
    )
    chosen = _filter(choices, beta)
    iterations = 1 if choices.iterations is None else choices.iterations
    if name == "filtered":
        least = "given" if choices.least is None else choices.least
        if least != "given":
            opt.refuse("--least given", d_min=choices.d_min)
        return FilteredMemory(chosen, iterations=iterations, least=least)
    if name == "amplified":
        return AmplifiedMemory(chosen, rounds=_rounds(choices.rounds))
    if name == "rejection":
        return RejectionSampling(chosen)
    return DirectSoftmax(chosen, iterations=iterations)


def build_any(
    name: str,
    choices: Choices,
    *,
    beta: float | None,
    neuron: str | None,
    level: int | None,
    attempts: int | None,
    bits: int | None,
    register: str | None,
    order: str | None,
    synchronous: bool,
    sweeps: int | None,
    gain: str | None,
    fold: bool,
) -> Method:
    """Makes neuron dynamics or a superposition method.

    Raises:
        ValueError: an unknown name, a number out of range, or an option of another method.
    """
    from ..circuits.common.checks import check_choice

    check_choice(name, "--method", ("neurons", *TAKEN))
    if name == "neurons":
        choices.refuse_for(name)
        return opt.build_method(
            neuron, level, attempts, bits, register, order, synchronous, sweeps, gain, fold
        )
    opt.refuse(
        "--method neurons",
        neuron=neuron,
        level=level,
        attempts=attempts,
        bits=bits,
        register=register,
        gain=gain,
        fold=fold or None,
    )
    return build_superposition(
        name, choices, beta=beta, sweeps=sweeps, order=order, synchronous=synchronous
    )


def _filter(choices: Choices, beta: float | None) -> MemoryFilter | None:
    """The filter; None stands for the model's own."""
    from ..circuits import ExpFilter, Exponential, KernelFilter, TrugenbergerFilter
    from ..circuits.common.checks import check_choice

    name = check_choice("auto" if choices.filter is None else choices.filter, "--filter", FILTERS)
    if name != "trugenberger":
        opt.refuse("--filter trugenberger", controls=choices.controls)
    if name != "kernel":
        opt.refuse("--filter kernel", d_min=choices.d_min)
    sharpness = 1.0 if beta is None else beta
    if name == "exp":
        return ExpFilter(sharpness)
    if name == "kernel":
        return KernelFilter(Exponential(sharpness), d_min=choices.d_min or 0)
    if name == "trugenberger":
        return TrugenbergerFilter(1 if choices.controls is None else choices.controls)
    return None


def _rounds(text: str | None) -> int | str:
    if text is None:
        return "auto"
    try:
        return int(text)
    except ValueError:
        return text
