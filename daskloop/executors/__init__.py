"""Where attempts run: in this thread, on a local Dask cluster, on any other Dask cluster.

May import the words, configuration and Dask; knows nothing of tasks, flows and runs.
"""

from daskloop.executors.prefect_names import DaskExecutor, LocalDaskExecutor, LocalExecutor

__all__ = ["DaskExecutor", "LocalDaskExecutor", "LocalExecutor"]
