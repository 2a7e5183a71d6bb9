"""The page about loops in Dask's own dashboard: what it shows, who holds it, how it is drawn.

::

    driver ── RunView ──► messenger ──► plugin on the scheduler ──► shelf ──► page
    driver ◄── who is being looked at ──┘

May import the words, configuration, Dask and, on the scheduler, Bokeh.
"""
