"""Refuse files and functions of the package that grew too long to be one idea."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LINES_OF_A_FILE = 320
LINES_OF_A_FUNCTION = 50


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's body, its docstring aside."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    last = body[-1].end_lineno
    return (last or body[-1].lineno) - body[0].lineno + 1


def too_long(path: Path) -> Iterator[str]:
    """Say what in one file is too long."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > LINES_OF_A_FILE:
        yield f"{path}: {lines} lines, at most {LINES_OF_A_FILE}: it holds more than one idea"
    for node in ast.walk(ast.parse(text, filename=str(path))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = body_lines(node)
            if lines > LINES_OF_A_FUNCTION:
                yield (
                    f"{path}:{node.lineno}: {node.name} has {lines} lines, "
                    f"at most {LINES_OF_A_FUNCTION}: name its steps"
                )


def main() -> int:
    """Check the package, and return 1 if something is too long."""
    root = Path(__file__).resolve().parent.parent
    files = sorted((root / "daskloop").rglob("*.py"))
    found = [line for path in files for line in too_long(path)]
    print("\n".join(found) or f"{len(files)} files, none too long")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
