"""Mean spins that are fed back: how far their own scatter carries into what comes next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .samples import Samples


class Feedback:
    """Follows the scatter of probes that are means of the shots before, iteration by iteration.

    All shots of an iteration start from one probe, and that probe is itself an estimate: the shots
    share its error, and are worth fewer independent ones.  The delta method carries the covariance
    C of a probe on: for the softmax filter the shares ``p(mu) ~ exp(beta xi^mu . x)`` have the
    gradient ``beta p(mu) (xi^mu - m)`` with ``m = sum_mu p(mu) xi^mu``, so that the next probe has
    ``S / n + J C J`` with ``J = beta S`` and S the covariance of the recalled patterns.

    Args:
        beta: inverse temperature of the filter, as only :class:`ExpFilter` is fed real means.
        shape: of the probes, (P, N).
    """

    def __init__(self, beta: float, shape: tuple[int, ...]) -> None:
        self._beta = beta
        self._covariance = np.zeros((*shape, shape[1]))

    def follow(
        self, rows: NDArray[np.float64], samples: Samples
    ) -> tuple[NDArray[np.float64], Samples]:
        """The next probes, and the samples with what their shots are worth.

        Args:
            rows: the probes that were asked, (P, N).
            samples: what they gave.

        Returns:
            Mean spins (P, N), those of a probe without accepted shots unchanged; and the samples
            with what they are worth for the most probable share and for the acceptance.
        """
        means = rows.copy()
        effective, trials = np.zeros(len(rows)), np.zeros(len(rows))
        for number, (states, weights) in enumerate(
            zip(samples.outcomes, samples.weights, strict=True)
        ):
            total = float(weights.sum())
            if not total > 0.0:
                continue
            share = weights / total
            mean = share @ states
            spread = (states.T * share) @ states - np.outer(mean, mean)
            accepted = total if samples.effective is None else float(samples.effective[number])
            before = self._covariance[number]
            best = int(share.argmax())
            turn = self._beta * (states[best] - mean)
            own = (1.0 - share[best]) / (share[best] * accepted)
            effective[number] = accepted * _kept(own, turn @ before @ turn)
            # The acceptance mean_mu exp(beta (xi . x - |x|_1)) moves with x, too.
            slope = self._beta * (mean - np.sign(rows[number]))
            tried = samples.shots if samples.trials is None else float(samples.trials[number])
            chance = min(1.0, float(samples.acceptance[number]))
            trials[number] = tried * _kept(
                (1.0 - chance) / (chance * tried), slope @ before @ slope
            )
            turned = self._beta * spread
            self._covariance[number] = spread / accepted + turned @ before @ turned
            means[number] = np.clip(mean, -1.0, 1.0)
        return means, replace(samples, effective=effective, trials=trials)


def _kept(own: float, carried: float) -> float:
    """The part of relative variance that is an estimate's own; all of it where there is none."""
    return own / (own + carried) if own > 0.0 else 1.0
