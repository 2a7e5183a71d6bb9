"""What is kept: values in closed form, the payload store, claims of started attempts, the journal.

May import the words (states, keys, errors), nothing of Dask and nothing of a flow.
"""
