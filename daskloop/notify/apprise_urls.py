"""Receivers of a hundred other kinds, mail among them, through the package apprise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daskloop.define.limits import Duration
from daskloop.notify.addresses import shown_url, tokens_of
from daskloop.notify.delivery import Delivery
from daskloop.notify.digest import Digest
from daskloop.notify.message import Message
from daskloop.notify.redacting import keep_out_of_logs
from daskloop.notify.rules import USUAL, Rules, rules
from daskloop.notify.sending import NotSent

__all__ = ["Apprise"]

_LONGEST = 3_000  # characters of a text


class Apprise:
    """Sends messages about runs to an address of apprise; `on`, `window` and `retries` as in `Webhook`.

    Parameters
    ----------
    url : str
        Such as ``mailto://user:password@host`` or ``discord://...``, see the documentation of
        apprise. Treated as a secret: logs and errors name its scheme and no more.

    Raises
    ------
    ModuleNotFoundError
        If apprise is not installed: ``pip install "daskloop[apprise]"``.
    ValueError
        If apprise does not know such an address.

    Examples
    --------
    >>> Apprise("json://localhost/hooks/7f3a9c12", on=("failed",))  # doctest: +SKIP
    <Apprise json://•••: failed>
    """  # noqa: E501

    def __init__(
        self,
        url: str,
        on: Iterable[str] = USUAL,
        *,
        window: Duration = "5m",
        retries: int = 100,
    ) -> None:
        if not isinstance(url, str):
            raise TypeError(f"Apprise(url): give its URL as a text, not {type(url).__name__}")
        self._url = url
        self._rules: Rules = rules(on, window, retries)
        keep_out_of_logs([url, *tokens_of(url)])
        self._receiver = _receiver(url)

    def __repr__(self) -> str:
        return f"<Apprise {shown_url(self._url)}: {', '.join(sorted(self._rules.on))}>"

    def open(self, secrets: Iterable[str] = ()) -> Delivery:
        """Return what listens to one run; no message holds any of the secrets."""
        digest = Digest(self._rules, [*secrets, *tokens_of(self._url)])
        return Delivery(self._send, digest, shown_url(self._url))

    def _send(self, message: Message) -> None:
        title, *lines = message.lines()
        text = "\n".join(lines)[:_LONGEST] or title
        # Apprise says why in its own log, which may name the address.
        if not self._receiver.notify(body=text, title=title):
            raise NotSent(f"{shown_url(self._url)} did not take the message", again=True)


def _receiver(url: str) -> Any:
    try:
        import apprise
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{shown_url(url)} needs the package apprise. Install it: "
            'python -m pip install "daskloop[apprise]"'
        ) from error
    # The receiver itself: what sends to several has threads that last as long as the process.
    found = apprise.Apprise.instantiate(url)
    if not found:
        raise ValueError(
            f"{shown_url(url)} is no address that apprise knows, or parts of it are missing. "
            "See https://github.com/caronc/apprise"
        )
    return found
