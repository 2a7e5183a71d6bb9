"""The engine: a plan and an executor become a finished run.

May import plan, define, record, executors and the words. `machine` and all that it imports
know no Dask, no clock and no disk; `driver` is the only place where they meet.
"""

from daskloop.run.start import Run, start

__all__ = ["Run", "start"]
