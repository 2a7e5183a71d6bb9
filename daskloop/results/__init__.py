"""Values kept beyond a run: where they lie, what they are called, how they are written.

Knows nothing of flows and runs. May import what is below: states, errors and the words.
"""
