"""The room where users write: tasks, parameters, edges, and the graph they make.

Knows nothing of plans, runs or Dask. May import triggers and what lies below them.
"""
