"""``python -m daskloop`` and the command ``daskloop``."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process."""
    from daskloop.cli.main import main as command

    command(prog_name="daskloop")


if __name__ == "__main__":
    main()
