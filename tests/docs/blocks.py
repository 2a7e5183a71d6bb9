"""The Python blocks of a Markdown file, and running one as a reader would."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"\s{2,}# (?P<value>\S.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    file: str
    line: int
    """Where its first line of code is, counted from 1."""
    code: str

    def run(self, namespace: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        """Execute the block; yield each expression that shows its value.

        Yields
        ------
        tuple of str
            Where it is, the value shown in the comment behind it, the value it has.
        """
        lines = self.code.splitlines()
        for statement in ast.parse(self.code, self.file).body:
            shown = _SHOWN.search(lines[(statement.end_lineno or statement.lineno) - 1])
            ast.increment_lineno(statement, self.line - 1)
            if isinstance(statement, ast.Expr) and shown is not None:
                expression = compile(ast.Expression(statement.value), self.file, "eval")
                value = repr(eval(expression, namespace))
                yield f"{self.file}:{statement.lineno}", shown["value"], value
            else:
                module = ast.Module([statement], type_ignores=[])
                exec(compile(module, self.file, "exec"), namespace)


def blocks(name: str, language: str = "python") -> list[Block]:
    """List the blocks of one language in a file of the project."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [
        Block(name, text.count("\n", 0, match.start(2)) + 1, match[2])
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]
