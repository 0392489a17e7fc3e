"""A small transformer whose memory layer is chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..circuits.common.checks import check_choice, check_count, check_real
from ..circuits.common.randomness import as_generator
from .baselines import Attention, ClassicalHopfield, Recurrent


def _quantum(input_size: int, **options: Any) -> nn.Module:
    from .layers import QuantumHopfield

    return QuantumHopfield(input_size, **{"keys": "binary", **options})


def _quantum_product(input_size: int, **options: Any) -> nn.Module:
    from .layers import QuantumHopfield

    return QuantumHopfield(input_size, **{"keys": "product", **options})


def _hopfield(input_size: int, **options: Any) -> nn.Module:
    return ClassicalHopfield(input_size, **{"keys": "real", **options})


def _hopfield_binary(input_size: int, **options: Any) -> nn.Module:
    return ClassicalHopfield(input_size, **{"keys": "binary", **options})


def _attention(input_size: int, **options: Any) -> nn.Module:
    return Attention(input_size, **options)


def _recurrent(kind: str) -> Callable[..., nn.Module]:
    def make(input_size: int, num_heads: int = 1, **options: Any) -> nn.Module:
        # One state stands for all heads; every other option must be one that the network takes.
        return Recurrent(input_size, kind, **options)

    return make


MEMORIES: dict[str, Callable[..., nn.Module]] = {
    "quantum": _quantum,
    "quantum-product": _quantum_product,
    "hopfield": _hopfield,
    "hopfield-binary": _hopfield_binary,
    "attention": _attention,
    "rnn": _recurrent("rnn"),
    "lstm": _recurrent("lstm"),
}
"""Makers of memory layers: (input_size, **options) to a module from (B, L, D) to (B, L, D).

A maker of your own joins by ``MEMORIES["mine"] = make``.
"""


def check_memory(memory: Any, known: Iterable[str] | None = None) -> str:
    """Returns the name of a memory, or raises a ValueError that lists those that there are."""
    return check_choice(memory, "memory", MEMORIES if known is None else known)


def make_memory(memory: str, input_size: int, *, num_heads: int = 1, **options: Any) -> nn.Module:
    """Makes a memory layer: each place of a sequence recalls from the whole sequence.

    Args:
        memory: ``"quantum"`` (a :class:`~qhopfield.hybrid.QuantumHopfield` with +-1 keys),
            ``"quantum-product"`` (with product-state keys), ``"hopfield"`` (classical, real keys),
            ``"hopfield-binary"`` (classical, +-1 keys: the same function as ``"quantum"``),
            ``"attention"``, ``"rnn"`` or ``"lstm"``; :data:`MEMORIES` has them all.
        input_size: entries of a token's vector, D.
        num_heads: heads; a recurrent network has one state in their place.
        options: of the layer.

    Returns:
        A module ``(x, key_padding_mask=None, attn_mask=None, is_causal=False)`` from (B, L, D) to
        (B, L, D).

    Raises:
        TypeError: an option that the layer does not take.
        ValueError: an unknown memory, or a size that does not fit.

    >>> memory = make_memory("attention", 8, num_heads=2)
    >>> memory(torch.zeros(3, 5, 8), is_causal=True).shape
    torch.Size([3, 5, 8])
    """
    maker = MEMORIES[check_memory(memory)]
    check_count(input_size, "input_size", minimum=1)
    check_count(num_heads, "num_heads", minimum=1)
    try:
        return maker(input_size, num_heads=num_heads, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        name = str(error).rpartition("unexpected keyword argument ")[2].rstrip(".")
        end = "" if name.endswith("?") else "."
        raise TypeError(f"memory={memory!r} takes no argument {name}{end}") from error


class ShortConvolution(nn.Module):
    """Mixes each place with the few before it, entry by entry.

    A memory that compares places one by one cannot see what stood beside them; this shows it. All
    memories get the same one. It starts as the identity.

    Shapes:
        x: (B, L, width); returns the same

    Source: D. Y. Fu et al. 2022, arXiv:2212.14052, section 3 (their shift); S. Arora et al. 2024,
    arXiv:2402.18668 put one before attention for this task.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(kernel, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Back to the identity."""
        nn.init.zeros_(self.weight)
        nn.init.ones_(self.weight[0])

    def forward(self, x: Tensor) -> Tensor:
        """Adds up the place itself and ``kernel - 1`` before it, with weights."""
        mixed = x * self.weight[0]
        for back in range(1, len(self.weight)):
            mixed = mixed + functional.pad(x, (0, 0, back, 0))[:, : x.shape[1]] * self.weight[back]
        return mixed


class Block(nn.Module):
    """Memory and feed-forward layer, each on the normalised input and added to it.

    Shapes:
        x: (B, L, width); returns the same
    """

    def __init__(
        self,
        memory: nn.Module,
        width: int,
        feedforward: int,
        dropout: float = 0.0,
        convolution: int = 0,
    ) -> None:
        super().__init__()
        self.memory_norm = nn.LayerNorm(width)
        self.convolution = ShortConvolution(width, convolution) if convolution else nn.Identity()
        self.memory = memory
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, feedforward), nn.GELU(), nn.Linear(feedforward, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, key_padding_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """Recalls, then maps each place by itself."""
        recalled = self.memory(
            self.convolution(self.memory_norm(x)),
            key_padding_mask=key_padding_mask,
            is_causal=is_causal,
        )
        x = x + self.dropout(recalled)
        answer: Tensor = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return answer


class SequenceModel(nn.Module):
    """Embedding and positions, blocks of memory and feed-forward, and a head.

    Args:
        num_outputs: outputs of the head (classes).
        num_tokens: tokens, where the input is token numbers; or
        input_size: entries of a vector, where the input is vectors.
        length: the most places that a sequence has.
        memory: see :func:`make_memory`.
        width: entries of a token's vector inside the model.
        layers: blocks.
        feedforward: inner width of the feed-forward layers.
        dropout: share of each layer's outputs that training drops.
        causal: whether no place sees a later one.
        convolution: places that a short causal convolution mixes before each memory, 0 for none.
        pool: ``None`` answers at every place, ``"mean"`` once from the mean of all places,
            ``"last"`` once from the last.
        options: of the memory layers, such as ``num_heads``.

    Shapes:
        x: (B, L) or (B, L, input_size); returns (B, L, num_outputs), or (B, num_outputs) pooled

    Raises:
        TypeError: an argument has a wrong type, or an option that the memory does not take.
        ValueError: an argument is out of range, or both or neither of ``num_tokens`` and
            ``input_size``.

    >>> model = SequenceModel(10, num_tokens=16, length=12, memory="lstm", width=8, causal=True)
    >>> model(torch.zeros(2, 12, dtype=torch.long)).shape
    torch.Size([2, 12, 10])
    """

    def __init__(
        self,
        num_outputs: int,
        *,
        num_tokens: int | None = None,
        input_size: int | None = None,
        length: int,
        memory: str = "quantum",
        width: int = 32,
        layers: int = 1,
        feedforward: int = 64,
        dropout: float = 0.0,
        causal: bool = False,
        convolution: int = 0,
        pool: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if (num_tokens is None) == (input_size is None):
            raise ValueError(
                "Give either num_tokens= (token numbers) or input_size= (vectors), one of the two; "
                f"got num_tokens={num_tokens} and input_size={input_size}."
            )
        sizes = {
            "num_outputs": num_outputs,
            "length": length,
            "width": width,
            "layers": layers,
            "feedforward": feedforward,
        }
        for name, size in sizes.items():
            check_count(size, name, minimum=1)
        check_count(convolution, "convolution")
        check_real(dropout, "dropout", minimum=0.0, maximum=1.0)
        if pool is not None:
            check_choice(pool, "pool", ("mean", "last"))
        self.causal, self.pool, self.length = causal, pool, length
        self.embedding: nn.Module
        if num_tokens is not None:
            self.embedding = nn.Embedding(check_count(num_tokens, "num_tokens", minimum=1), width)
        else:
            self.embedding = nn.Linear(check_count(input_size, "input_size", minimum=1), width)
        self.positions = nn.Parameter(torch.empty(length, width))
        if "seed" in options:  # one stream for all blocks, or each would draw the same shots
            options["seed"] = as_generator(options["seed"])
        self.blocks = nn.ModuleList(
            Block(make_memory(memory, width, **options), width, feedforward, dropout, convolution)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_outputs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws embedding and positions anew, with the small spread of GPT-2."""
        if isinstance(self.embedding, nn.Embedding):
            nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        """Answers at every place, or once.

        Args:
            x: token numbers or vectors.
            key_padding_mask: (B, L), True where a place is padding.

        Raises:
            ValueError: the sequence is longer than the model.
        """
        if x.shape[1] > self.length:
            raise ValueError(f"A sequence may have {self.length} places, got {x.shape[1]}.")
        hidden = self.embedding(x) + self.positions[: x.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, key_padding_mask=key_padding_mask, is_causal=self.causal)
        hidden = self.norm(hidden)
        if self.pool is not None:
            hidden = self._pooled(hidden, key_padding_mask)
        answer: Tensor = self.head(hidden)
        return answer

    def _pooled(self, hidden: Tensor, key_padding_mask: Tensor | None) -> Tensor:
        if key_padding_mask is None:
            return hidden.mean(dim=1) if self.pool == "mean" else hidden[:, -1]
        there = (~key_padding_mask).to(hidden.dtype)
        if self.pool == "mean":
            return (hidden * there[..., None]).sum(dim=1) / there.sum(dim=1, keepdim=True)
        places = torch.arange(hidden.shape[1], device=hidden.device)
        last = (there * places).argmax(dim=1)
        return hidden[torch.arange(len(hidden), device=hidden.device), last]


def count_parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(each.numel() for each in module.parameters() if each.requires_grad)


def match_parameters(
    build: Callable[[int], nn.Module],
    parameters: int,
    *,
    widths: Iterable[int] = range(4, 513),
    tolerance: float = 0.05,
) -> int:
    """Finds the width with which a model has nearly that many parameters.

    Args:
        build: from a width to a model; wider must mean more parameters.
        parameters: how many there should be, >= 1.
        widths: the widths to choose from, rising.
        tolerance: the largest relative difference that will do.

    Returns:
        The width whose model comes nearest.

    Raises:
        TypeError: ``parameters`` is no integer.
        ValueError: no width comes within the tolerance.

    >>> match_parameters(lambda width: nn.Linear(width, 10), 210)
    20
    """
    check_count(parameters, "parameters", minimum=1)
    check_real(tolerance, "tolerance", minimum=0.0)
    choices = list(widths)
    if not choices:
        raise ValueError("widths must hold at least one width, got none.")

    def size(index: int) -> int:
        # On the meta device a model has shapes and no numbers: counting costs next to nothing.
        with torch.device("meta"):
            return count_parameters(build(choices[index]))

    low, high = 0, len(choices) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if size(middle) <= parameters:
            low = middle
        else:
            high = middle
    sizes = {index: size(index) for index in (low, high)}
    best = min(sizes, key=lambda index: abs(sizes[index] - parameters))
    if abs(sizes[best] - parameters) > tolerance * parameters:
        raise ValueError(
            f"No width from {choices[0]} to {choices[-1]} gives a model of {parameters:,} "
            f"parameters within {100 * tolerance:g} %; the nearest, {choices[best]}, has "
            f"{sizes[best]:,}."
        )
    return choices[best]
