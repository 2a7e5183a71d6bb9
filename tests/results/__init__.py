"""Tests of `daskloop.results`."""
