"""The front door: a flow is written here, and run from here.

May import every room below; nothing below may import it.
"""
