"""Addresses that messages are sent to; they hold tokens, so nobody is shown more than the host."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

__all__ = ["checked_url", "shown_url", "tokens_of"]

_SHORTEST = 6  # characters of a part of an address: shorter ones are part of too many words
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def checked_url(url: object, what: str) -> str:
    """Return `url` if it is an address that secrets may be sent to.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If it is not of the form ``https://host/...``; ``http://`` is for this machine alone. The
        address itself is not in the text.
    """
    if not isinstance(url, str):
        raise TypeError(f"{what}: give its URL as a text, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise ValueError(f"{what}: {shown_url(url)} is no address. Give one like https://host/path")
    if parts.scheme == "http" and host not in _HERE:
        raise ValueError(
            f"{what}: {shown_url(url)} sends messages where everybody on the way can read them. "
            "Give an address that begins with https://"
        )
    return url


def shown_url(url: str) -> str:
    """Show of an address what is no secret: the scheme and the host.

    Examples
    --------
    >>> shown_url("https://user:word@hooks.slack.com/services/T0/B0/x?key=y")
    'https://hooks.slack.com/•••'
    >>> shown_url("mailto://me:word@example.org")
    'mailto://•••'
    """
    scheme, found, _ = url.partition("://")
    if not found or not scheme.isascii() or not scheme.replace("+", "").isalnum():
        return "'•••'"
    if scheme not in ("http", "https"):  # what stands where differs: a host may be a token
        return f"{scheme}://•••"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return f"{scheme}://•••"
    return f"{scheme}://{host}{port}" + ("/•••" if parts.path.strip("/") or parts.query else "")


def tokens_of(url: str) -> list[str]:
    """List the parts of an address that no message may hold: all but the host."""
    rest = url.partition("://")[2]
    pieces = {url, rest}
    for sign in "/?&=@:#":
        pieces |= {piece for one in pieces for piece in one.split(sign)}
    path, _, _ = rest.partition("/")[2].partition("#")
    pieces |= {f"/{path}"} if path else set()
    pieces |= {unquote(piece) for piece in pieces}
    host = shown_url(url)
    return [piece for piece in pieces if len(piece) >= _SHORTEST and piece not in host]
