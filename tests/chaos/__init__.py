"""Real processes that are killed, stopped, starved and cut off, and the audit afterwards."""
