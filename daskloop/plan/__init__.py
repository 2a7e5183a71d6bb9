"""A flow made ready to run: frozen, in order, with every question answered that can be.

May import define, record, executors and the words.
"""
