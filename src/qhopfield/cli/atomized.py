"""Options that cut a memory into submodules, and the memory that is made of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options as opt

if TYPE_CHECKING:
    from ..circuits.methods import Method
    from ..circuits.models import Model

PANEL = "Submodules"
OWNER = "memories that --shards, --blocks or --replicas cut"

Shards = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Cut filtered or rejection into N parts of the patterns, each a circuit of its own; "
        "they run side by side and are recombined exactly.",
        rich_help_panel=PANEL,
    ),
]
Similar = Annotated[
    bool,
    typer.Option(
        "--similar",
        help="Put patterns that are alike into one shard, for --keep. Consecutive if left out.",
        rich_help_panel=PANEL,
    ),
]
Blocks = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Cut into N parts of the neurons, likewise (a filter that is exponential). 1 if left "
        "out.",
        rich_help_panel=PANEL,
    ),
]
Replicas = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="How often each submodule is there; one that answers is enough. 1 if left out.",
        rich_help_panel=PANEL,
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Run only N shards a probe, chosen by a coarse memory of their prototypes. All if "
        "left out.",
        rich_help_panel=PANEL,
    ),
]
Detect = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Leave out submodules whose counts their law does not explain, at this rate of false "
        "alarms a probe.",
        rich_help_panel=PANEL,
    ),
]
Dead = Annotated[
    str | None,
    typer.Option(
        metavar="N|X",
        help="For studies of failure: so many submodules, or such a fraction, never answer.",
        rich_help_panel=PANEL,
    ),
]
Random = Annotated[
    str | None,
    typer.Option(
        metavar="N|X",
        help="Likewise: they answer at random.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Cuts:
    """The options of submodules as they were given; None where one was left out."""

    shards: int | None = None
    similar: bool | None = None
    blocks: int | None = None
    replicas: int | None = None
    keep: int | None = None
    detect: float | None = None
    dead: str | None = None
    random: str | None = None

    def wrap(self, name: str, method: Method, model: Model, seed: int | None) -> Method:
        """The method cut into submodules, or as it is where nothing was asked for.

        Args:
            name: what the command line calls the method.
            method: the method.
            model: the memory.
            seed: of similar shards, and of which submodules fail.

        Raises:
            ValueError: a method that cannot be cut, a number out of range, or an option without
                the one that it belongs to.
        """
        from ..circuits import AtomizedMemory, FilteredMemory, RejectionSampling

        if all(value is None for value in asdict(self).values()):
            return method
        if not isinstance(method, (FilteredMemory, RejectionSampling)):
            opt.refuse("--method filtered and rejection", **asdict(self))
        if self.shards is None:
            opt.refuse("memories that --shards cuts", similar=self.similar, keep=self.keep)
            if self.blocks is None and self.replicas is None:
                opt.refuse(OWNER, detect=self.detect, dead=self.dead, random=self.random)
        assert isinstance(method, (FilteredMemory, RejectionSampling))  # refused above
        return AtomizedMemory(
            method,
            shards=self._shards(model, seed),
            blocks=1 if self.blocks is None else self.blocks,
            replicas=1 if self.replicas is None else self.replicas,
            keep=self.keep,
            detect=self.detect,
            faults=self._faults(seed),
        )

    def _shards(self, model: Model, seed: int | None) -> Any:
        if self.shards is None:
            return 1
        if not self.similar:
            return self.shards
        from ..circuits import similar_shards
        from ..circuits.methods.superposition import stored_patterns

        return similar_shards(stored_patterns(model), self.shards, seed=seed or 0)

    def _faults(self, seed: int | None) -> Any:
        if self.dead is None and self.random is None:
            return None
        from ..circuits import Faults

        return Faults(
            dead=opt.amount(self.dead, "--dead") or 0,
            random=opt.amount(self.random, "--random") or 0,
            seed=seed or 0,
        )
