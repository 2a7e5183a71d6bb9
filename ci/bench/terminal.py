"""Measure what it costs to show in a terminal how a run goes, beside the same run without.

    python ci/bench/terminal.py            figures as in docs/terminal.md
    python ci/bench/terminal.py --quick    little work: is it broken?

Both runs, in turns, are on a terminal of 80x24: one with the setting ``daskloop.progress`` as it is, one
with it false. The share of the CPU that drawing frames took is counted beside it.
"""
