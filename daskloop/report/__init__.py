"""What people see of a run: listeners to events, and nothing else.

May import the words; the engine knows none of it.
"""
