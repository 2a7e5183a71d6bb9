"""A run as it goes, shown in a terminal: drawn where there is one, else in a few plain lines.

::

    events ──► tally ──► glance ──► layout ──► live (rich)
      ▲          running   frozen,    lines of   or lines (plain)
      │          counts    bounded    a width
    run, or journal (retelling)
"""
