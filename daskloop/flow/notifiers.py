"""Who is told of a run: from what ``notify=`` says to listeners."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from daskloop.config import setting
from daskloop.define.parameter import Parameter
from daskloop.events import Listener

__all__ = ["check_notify", "listeners_for"]

_SLACK = "https://hooks.slack.com/"
_SHORTEST = 3  # characters of a secret: shorter ones are part of too many words
_HOW = (
    "give a list of names from the configuration daskloop.notifiers, of URLs, and of objects like "
    "daskloop.notify.Webhook(url)"
)


def check_notify(given: Any, what: str) -> Any:
    """Return a list of who is told, if it can be one; names are looked up when a run begins.

    Parameters
    ----------
    given : object
        What the user gave.
    what : str
        How that is called in the error, with ``{}`` for the value.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if given is None or given is False:
        return given
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise TypeError(f"{what.format(_shown(given))}: {_HOW}")
    found = list(given)
    for one in found:
        if not isinstance(one, str) and not hasattr(one, "open") and not hasattr(one, "hear"):
            shown = f"[{_shown(one)}]"
            raise TypeError(f"{what.format(shown)}: {_HOW}")
    return found


def listeners_for(
    given: Any, parameters: Iterable[Parameter], values: Mapping[str, Any]
) -> Sequence[Listener]:
    """Return a listener for each that is to be told of one run.

    Parameters
    ----------
    given : list, False or None
        What ``notify=`` says; None leaves it to the configuration ``daskloop.notify``.
    parameters : iterable of Parameter
        Those of the flow.
    values : mapping
        Their values: those that are secret are in no message.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, or an address cannot be used.
    """
    what = "config daskloop.notify is {}" if given is None else "notify={}"
    chosen = setting("notify") if given is None else given
    if isinstance(chosen, str) and given is None:  # as the environment gives it
        chosen = [chosen]
    check_notify(chosen, what)
    if not chosen:
        return ()
    secret = [one.name for one in parameters if one.secret]
    texts = [text for name in secret for text in _texts(values.get(name)) if len(text) >= _SHORTEST]
    found = [_found(one) if isinstance(one, str) else one for one in chosen]
    return [one.open(texts) if hasattr(one, "open") else one for one in found]


def _found(word: str) -> Any:
    if "://" in word:
        return _receiver(word, {})
    if word == "opentelemetry":
        from daskloop.report.tracing import Tracing

        return Tracing()
    known = setting("notifiers") or {}
    if not isinstance(known, Mapping) or word not in known:
        names = ", ".join(sorted(map(str, known))) if known else "none"
        raise ValueError(
            f"notify: there is no {word!r} in the configuration daskloop.notifiers, which has: "
            f"{names}. Give it a URL there, or give the URL or an object in its place"
        )
    entry = known[word]
    if isinstance(entry, str):
        return _receiver(entry, {}, word)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("url"), str):
        raise ValueError(
            f"Config daskloop.notifiers.{word}: write a URL, or a mapping with url, and if wanted "
            "on, window and retries"
        )
    # A bare `on` is true in YAML, and so it is as a key.
    options = {"on" if key is True else str(key): value for key, value in entry.items()}
    return _receiver(options.pop("url"), options, word)


def _receiver(url: str, options: Mapping[str, Any], name: str | None = None) -> Any:
    # Imported when somebody is told: `import daskloop` stays quick.
    from daskloop.notify import Apprise, Slack, Webhook

    web = url.startswith(("https://", "http://"))
    kind: Any = Slack if url.startswith(_SLACK) else Webhook if web else Apprise
    where = "notify" if name is None else f"Config daskloop.notifiers.{name}"
    known = [one for one in inspect.signature(kind).parameters if one != "url"]
    for option in options:
        if option not in known:
            raise ValueError(f"{where}: there is no {option!r}. There are {', '.join(known)}")
    try:
        return kind(url, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def _texts(value: Any) -> Iterator[str]:
    """Give the texts that a secret is shown by, those in collections one by one."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _texts(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _shown(value: Any) -> str:
    from daskloop.notify.addresses import shown_url

    return shown_url(value) if isinstance(value, str) and "://" in value else f"{value!r:.100}"
