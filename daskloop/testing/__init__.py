"""For users' own tests: a battery that every journal has to pass.

May import everything but the command line; imports no test framework.
"""

from daskloop.testing.check_journal import check_journal

__all__ = ["check_journal"]
