"""Checksums over rows, chained and with a key if there is one: damage and forgery are found."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from daskloop.config import setting
from daskloop.errors import JournalError

__all__ = ["SIZE", "Row", "Signer", "storable"]

SIZE = 16
"""Bytes of a checksum."""

Row = tuple[Any, ...]
"""Values of one row, as SQLite keeps them: None, int, float, str or bytes."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Computes checksums, with a key or without.

    Without a key they find damage; with one, nobody who lacks the key can make them.
    """

    key: bytes = field(default=b"", repr=False)

    @classmethod
    def from_config(cls) -> Signer:
        """Take the key from the config ``daskloop.journal-key``.

        Raises
        ------
        JournalError
            If it is set to something that is no text, or to an empty one.
        """
        secret = setting("journal-key")
        if secret is None:
            return cls()
        if not isinstance(secret, str) or not secret:
            raise JournalError(
                "Config daskloop.journal-key must be a text that is not empty, not "
                f"{type(secret).__name__}. Put it in quotes: '\"12345\"' in the environment."
            )
        return cls(hashlib.blake2b(secret.encode("utf-8", "surrogatepass")).digest())

    @property
    def signs(self) -> bool:
        """Whether there is a key."""
        return bool(self.key)

    def sign(self, kind: bytes, before: bytes, row: Row) -> tuple[Row, bytes]:
        """Make a row fit for SQLite, and compute its checksum.

        Parameters
        ----------
        kind : bytes
            Name of the table: a row of one must not pass for a row of another.
        before : bytes
            The checksum that this one goes on from.
        row : tuple
            The values. Texts that are no Unicode (lone surrogates) become bytes.

        Returns
        -------
        tuple
            The row as it is to be written, and its checksum.
        """
        try:
            return row, self.checksum(kind, before, row)
        except UnicodeEncodeError:
            written = storable(row)
            return written, self.checksum(kind, before, written)

    def checksum(self, kind: bytes, before: bytes, row: Sequence[Any]) -> bytes:
        """Compute the checksum of a row as it stands in SQLite."""
        packed: bytes = msgpack.packb(row)
        return hashlib.blake2b(
            before + packed, digest_size=SIZE, key=self.key, person=kind
        ).digest()


def storable(row: Row) -> Row:
    """Turn the texts of a row that are no Unicode into bytes."""
    return tuple(_bytes(value) if type(value) is str else value for value in row)


def _bytes(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text
