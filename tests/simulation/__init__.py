"""Random flows on a simulated cluster, each compared with the plain rules."""
