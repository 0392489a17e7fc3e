"""Keywords that a layer does not know, answered with the nearest that it does."""

from __future__ import annotations

from collections.abc import Iterable

from ...circuits.common.keywords import parameters_of, refuse_keyword

# What the same thing is called in torch and in hflayers.
_ELSEWHERE = {
    "embed_dim": "input_size",
    "kdim": "stored_size",
    "vdim": "projection_size",
    "stored_pattern_size": "stored_size",
    "pattern_projection_size": "projection_size",
    "state_pattern_as_static": "state_as_static",
    "stored_pattern_as_static": "stored_as_static",
    "pattern_projection_as_static": "projection_as_static",
    "beta": "scaling",
    "simulator": "backend",
    "heads": "num_heads",
    "n_heads": "num_heads",
    "nhead": "num_heads",
    "d_model": "input_size",
}
_NORMS = "there is no layer norm inside: put a torch.nn.LayerNorm before the layer"


def check_keywords(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuses a keyword that nobody takes.

    Args:
        what: what was called.
        given: the keywords that came.
        known: those that it takes, itself or what it hands them on to.

    Raises:
        TypeError: there is one.
    """
    names = sorted(known)
    for each in given:
        if each in names:
            continue
        same = _ELSEWHERE.get(each)
        advice = f"did you mean {same!r}?" if same in names else None
        if each.startswith("normalize_"):
            advice = _NORMS
        refuse_keyword(what, each, names, advice)


__all__ = ["check_keywords", "parameters_of"]
