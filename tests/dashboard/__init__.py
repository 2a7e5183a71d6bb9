"""Tests of the page in Dask's dashboard."""
