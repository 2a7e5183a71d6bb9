"""The command line: what a person types, and what a terminal shows of a run.

May import every room but `engine`; only ``daskloop.__main__`` imports it. Modules here import
distributed late or never, so that ``daskloop runs`` is quick.
"""
