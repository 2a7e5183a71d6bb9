"""Receivers that take JSON by HTTP: any webhook, and Slack's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daskloop.define.limits import Duration, duration
from daskloop.notify.addresses import checked_url, shown_url, tokens_of
from daskloop.notify.delivery import Delivery
from daskloop.notify.digest import Digest
from daskloop.notify.message import Message
from daskloop.notify.redacting import keep_out_of_logs
from daskloop.notify.rules import USUAL, Rules, rules
from daskloop.notify.sending import post

__all__ = ["Slack", "Webhook"]

_LONGEST = 3_000  # characters of a text; Slack cuts at 4,000


class Webhook:
    """Posts messages about runs to an address, as JSON.

    Parameters
    ----------
    url : str
        ``https://...``; ``http://`` for this machine alone. Treated as a secret: logs and errors
        name its host and no more.
    on : iterable of str
        What is told of: ``"finished"``, ``"failed"``, ``"child-failed"``, ``"paused"``,
        ``"retries"``, ``"stalled"``.
    window : timedelta, float or str
        Between two messages of the same kind there is at least that time; what happens
        meanwhile is one message, with counts and the first few texts.
    retries : int
        After so many retries in a run there is a message, if `on` has ``"retries"``; then after
        twice as many, and so on.
    headers : mapping of str to str, optional
        Sent along, such as ``{"Authorization": "Bearer ..."}``; secret as well.
    timeout : timedelta, float or str
        How long the receiver may take to answer.

    Raises
    ------
    TypeError, ValueError
        If the address cannot be used, or a word of `on` is unknown.

    Notes
    -----
    A message that is not taken is sent again twice where that may help, and then logged as not
    sent. A receiver that hangs or fails stops nothing.

    Examples
    --------
    >>> Webhook("https://example.org/hooks/7f3a9c12", on=("failed",))
    <Webhook https://example.org/•••: failed>
    """

    def __init__(
        self,
        url: str,
        on: Iterable[str] = USUAL,
        *,
        window: Duration = "5m",
        retries: int = 100,
        headers: Mapping[str, str] | None = None,
        timeout: Duration = 5.0,
    ) -> None:
        self._url = checked_url(url, f"{type(self).__name__}(url)")
        self._rules: Rules = rules(on, window, retries)
        self._headers = _headers(headers)
        self._timeout = duration(timeout, "timeout", 60.0)

    def __repr__(self) -> str:
        words = ", ".join(sorted(self._rules.on))
        return f"<{type(self).__name__} {shown_url(self._url)}: {words}>"

    def open(self, secrets: Iterable[str] = ()) -> Delivery:
        """Return what listens to one run.

        Parameters
        ----------
        secrets : iterable of str
            Texts that no message may hold, besides what is secret here.
        """
        own = [*tokens_of(self._url), *self._headers.values()]
        keep_out_of_logs(own)
        hidden = [*secrets, *own]
        where = shown_url(self._url)
        return Delivery(self._send, Digest(self._rules, hidden), where)

    def body(self, message: Message) -> dict[str, Any]:
        """Return what is posted."""
        found = message.plain()
        return {**found, "text": found["text"][:_LONGEST]}

    def _send(self, message: Message) -> None:
        post(self._url, self.body(message), self._headers, self._timeout)


class Slack(Webhook):
    """Posts messages about runs to an incoming webhook of Slack; parameters as in `Webhook`.

    Examples
    --------
    >>> Slack("https://hooks.slack.com/services/T0/B0/secret", on=("failed", "paused"))
    <Slack https://hooks.slack.com/•••: failed, paused>
    """

    def body(self, message: Message) -> dict[str, Any]:
        """Return what is posted: the text, with nothing in it that Slack would act on."""
        text = "\n".join(message.lines())[:_LONGEST]
        for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, escaped)
        quiet = {"mrkdwn": False, "parse": "none", "unfurl_links": False, "unfurl_media": False}
        return {"text": text, **quiet}


def _headers(given: Mapping[str, str] | None) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(
        isinstance(text, str) for pair in given.items() for text in pair
    ):
        raise TypeError("headers: give a dict of texts, like {'Authorization': 'Bearer ...'}")
    for name, value in given.items():
        if not name.isascii() or any(sign in name + value for sign in "\r\n"):
            raise ValueError(f"headers: {name!r} or its value holds what no header may hold")
    return dict(given)
