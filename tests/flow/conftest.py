"""Every test here may ask for the engine's stand-in."""

from tests.flow.stand_in import engine

__all__ = ["engine"]
