"""Post JSON to an address, and say without any secret what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskloop.notify.addresses import shown_url

__all__ = ["NotSent", "post"]

_LONGEST_WAIT = 10.0  # seconds that a receiver may ask for
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotSent(Exception):
    """A message was not taken.

    Parameters
    ----------
    text : str
        Why, without secrets.
    again : bool
        True if another try may help.
    wait : float, optional
        Seconds that the receiver asks for before that.
    """

    def __init__(self, text: str, *, again: bool, wait: float | None = None) -> None:
        super().__init__(text)
        self.again = again
        self.wait = wait


def post(url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout: float) -> None:
    """Post JSON.

    Raises
    ------
    NotSent
        If it was not taken.

    Notes
    -----
    Redirections are not followed: they would carry the message to somebody else. What is answered
    is not read.
    """
    # Takes a tenth of a second to import: nobody pays for it who is not told anything.
    import requests

    try:
        with requests.post(
            url,
            json=body,
            headers=dict(headers),
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            status, asked = answer.status_code, answer.headers.get("Retry-After", "")
    except requests.exceptions.RequestException as error:
        # Its text holds the address, and with it the token.
        kind = type(error).__name__
        raise NotSent(f"{kind} at {shown_url(url)}", again=True) from None
    if 200 <= status < 300:
        return
    hint = "; give the address that it leads to" if 300 <= status < 400 else ""
    wait = min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else None
    raise NotSent(
        f"{shown_url(url)} answered {status}{hint}", again=status in _TRY_AGAIN, wait=wait
    )
