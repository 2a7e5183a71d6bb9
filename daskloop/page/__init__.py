"""The run page: one HTML file that tells of a run, and needs nothing else to be read.

Made of what was recorded of the run, in a journal or in memory; no value is opened for it.

::

    Past ─► sound ─► stories ─► cells, rows, mishaps, pulse ─► content ─► template ─► file

May import the reports and what is below them.
"""
