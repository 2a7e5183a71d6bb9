"""Tests: a tree that mirrors the package, and `flows/` for the promises made to users."""
