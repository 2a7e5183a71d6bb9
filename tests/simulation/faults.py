"""What may go wrong in one simulated run."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

__all__ = ["Faults", "random_faults"]


@dataclass(frozen=True)
class Faults:
    """What the adversary may do in one run."""

    losses: float = 0.0
    """How likely a submission is lost in some way."""
    repeats: float = 0.0
    """How likely an arrival comes more than once."""
    rooms: bool = False
    """Whether the number of slots changes."""
    halt: str = ""
    """Whether the run is stopped: "", "soft", "now" or "both"."""
    slots: int = 2
    deaths: float = 0.0
    """How likely the driver dies in a turn; a new one goes on from what was recorded."""
    lasts: bool = True
    """Whether attempts go on without the driver, and can be found by the next one."""
    whole: bool = True
    """Whether each iteration is told; else those that went on in one future are counted."""
    rests: bool = False
    """Whether the run is paused now and then."""
    disk: float = 0.0
    """How likely a commit fails; the run then ends softly, and is resumed on another disk."""
    resumes: bool = False
    """Whether a run that was stopped is resumed."""


def random_faults(draw: Random, seed: int, mortal: bool) -> Faults:
    """Draw the faults of one run.

    Parameters
    ----------
    draw : Random
        Everything follows from it.
    seed : int
        Of the run.
    mortal : bool
        False if the driver must not die, nor the disk fail: an attempt that must not be made
        twice needs a claim that outlives the driver.
    """
    calm = draw.random() < 0.2
    deaths = draw.choice((0.0, 0.05, 0.2)) if mortal else 0.0
    losses = 0.0 if calm else draw.choice((0.1, 0.3, 0.6))
    repeats = 0.0 if calm else draw.choice((0.0, 0.2, 0.4))
    rooms = draw.random() < 0.3
    halt = draw.choice(("soft", "now", "both")) if draw.random() < 0.2 else ""
    slots = draw.randint(1, 4)
    lasts = draw.random() < 0.5
    whole = deaths > 0 or draw.random() < 0.7
    disk = draw.choice((0.02, 0.1, 0.3)) if mortal and whole and seed % 4 == 1 else 0.0
    resumes = mortal and whole and seed % 2 == 0
    rests = seed % 5 == 0
    return Faults(losses, repeats, rooms, halt, slots, deaths, lasts, whole, rests, disk, resumes)
