"""Read what the executor brought and say what it means for the run.

The only place that judges who is to blame for a lost attempt: the claim of its start tells.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from daskloop.errors import PayloadError, StoreError
from daskloop.executors.session import Arrival, Gone, Key, Returned, Severed
from daskloop.keys import key_text
from daskloop.record.claims import GIVEN_UP, Claims, Taken
from daskloop.record.last_words import LastWords
from daskloop.record.sealed import ErrorText, seal_error
from daskloop.run.envelope import Entry, Envelope, decode_envelope
from daskloop.run.late_outcomes import LateOutcomes
from daskloop.run.packing import Pack
from daskloop.run.secrecy import Redaction
from daskloop.run.standing import Child
from daskloop.run.turn import Came, Halt, Idle, News, Paced, Vanished, Wrote

__all__ = ["NewsDesk", "refusal"]

logger = logging.getLogger("daskloop.run")

_WORDS = {
    "worker-lost": "the worker was lost",
    "cancelled": "the attempt was cancelled on the scheduler",
    "restarted": "the cluster was restarted",
    "disconnected": "the connection to the scheduler was lost",
    "forgotten": "the scheduler no longer knows the attempt",
    "left": "the driver before this one ended",
}


_EVERY = 2**62  # iterations: all that there may be

_INLINE = 65536
"""Bytes; an error that is made here has no store to go to."""


class NewsDesk:
    """Turns arrivals into news for the machine.

    Parameters
    ----------
    claims : Claims or None
        Where attempts claimed their start, if they did.
    packs : mapping
        The futures in flight, by key.
    redaction : Redaction, optional
        Takes secrets out of what attempts say.
    """

    def __init__(
        self,
        claims: Claims | None,
        packs: Mapping[Key, Pack],
        redaction: Redaction = Redaction(()),  # noqa: B008 - it is frozen
    ) -> None:
        self._claims = claims
        self._late = None if claims is None else LateOutcomes(claims)
        self._words = None if claims is None else LastWords(claims.directory)
        self._packs = packs
        self._redacted = redaction.of

    def read(self, arrival: Arrival) -> Sequence[News]:
        """Say what an arrival means; nothing if nobody waits for it any more."""
        if isinstance(arrival, Severed):
            return [*self._left_behind(), Halt(arrival.detail, now=True)]
        pack = self._packs.get(arrival.key)
        if pack is None:
            return ()
        if isinstance(arrival, Returned):
            return self._returned(pack, arrival.envelope)
        return self._gone(pack, arrival)

    def refused(self, key: Key, error: Exception) -> Came:
        """Say of an attempt that it could not even be sent."""
        return Came(key, self._redacted(refusal(str(error), error)))

    def _returned(self, pack: Pack, data: bytes) -> Sequence[News]:
        try:
            envelope = decode_envelope(data)
        # Bytes that are no envelope come from something that is not our wrapper.
        except Exception as error:
            text = f"attempt {pack.key} brought back no envelope: {error!r}"
            return self._refused(pack, text)
        reports = envelope.reports
        if len(reports) == 1 and reports[0][1].kind == "lost":
            # Dask started it again by itself, and the claim of the first start turned that away.
            return self._lost(pack, reports[0][1].message or "")
        looped = any(entry.ahead is not None for _, entry in reports)
        news: list[News] = [Paced(pack, len(reports), envelope.seconds, looped)]
        news += self._told(pack.members, envelope)
        had = {index for index, _ in reports}
        idle = [key for index, key in _keys(pack) if index not in had]
        if idle:
            news.append(Idle(idle))
        return news

    def _told(self, children: Mapping[int | None, Child], envelope: Envelope) -> list[News]:
        """Say what an envelope tells of some children that are in flight."""
        wrote = [(children.get(log.child), log) for log in envelope.logs]
        news: list[News] = [Wrote(child, log) for child, log in wrote if child and child.key]
        for index, entry in envelope.reports:
            child = children.get(index)
            if child is not None and child.key is not None:
                news.append(Came(child.key, self._redacted(entry)))
        return news

    def _gone(self, pack: Pack, gone: Gone) -> Sequence[News]:
        if gone.reason == "refused":
            return self._refused(pack, f"The attempt could not be executed: {gone.detail}")
        reason = _WORDS.get(gone.reason, gone.reason)
        lost = gone.reason == "worker-lost"
        if self._claims is None:
            return _vanished(pack, f"{reason} ({gone.detail})", lost, _EVERY if lost else 0)
        try:
            taken = self._given_up(self._claims, gone)
        except StoreError as error:  # it may still begin: what must not run twice ends here
            logger.warning("attempt %s could not be kept from beginning: %s", gone.key, error)
            return _vanished(pack, reason, _is_once(pack))
        if taken is None:  # it never began, and never will
            came = self._ended_before(pack)
            had = {one.key for one in came if isinstance(one, Came)}
            return [*came, *(one for one in _vanished(pack, reason) if one.key not in had)]
        if taken.outcome is not None:  # it had ended: only the news of it was lost
            return self._returned(pack, taken.outcome)
        if lost:
            return self._lost(pack, taken.who)
        if self._late is not None:
            self._late.cut_off(pack)
        return _vanished(pack, f"{reason} while {taken.who} executed it", _is_once(pack))

    def _ended_before(self, pack: Pack) -> list[News]:
        """Take what children of a future that never begins had ended with out of our reach."""
        late = [] if self._late is None else self._late.instead_of(pack)
        return [one for children, envelope in late for one in self._told(children, envelope)]

    def _left_behind(self) -> list[News]:
        """Take what attempts ended with of which nobody will hear any more."""
        news: list[News] = []
        if (claims := self._claims) is None:
            return news
        for pack in tuple(self._packs.values()):
            try:
                news += self._last_of(claims, pack)
            except StoreError as error:  # a resumed run makes it again
                logger.warning("attempt %s: what it ended with is lost: %s", pack.key, error)
        return news

    def _last_of(self, claims: Claims, pack: Pack) -> Sequence[News]:
        taken = claims.read(key_text(pack.key))
        if taken is not None:
            return () if taken.outcome is None else self._returned(pack, taken.outcome)
        awaited = self._late is not None and self._late.awaited(pack)
        if not awaited or claims.give_up(key_text(pack.key)) is not None:
            return ()
        return self._ended_before(pack)

    def _given_up(self, claims: Claims, gone: Gone) -> Taken | None:
        """Say who has started an attempt; one that nobody has started must not begin any more.

        It may wait at a worker that has not heard yet, and begin there beside its replacement.
        """
        if gone.reason in _WORDS:
            return claims.give_up(key_text(gone.key))
        return claims.read(key_text(gone.key))  # it was never sent, and its key is still to be used

    def _lost(self, pack: Pack, who: str) -> Sequence[News]:
        """Charge the attempt that a worker was lost under, and none of those beside it."""
        assert self._claims is not None
        if who == GIVEN_UP:
            return _vanished(pack, f"it was turned away by {who}")
        reason = self._lost_on(who)
        taken = self._claims.read(key_text(pack.key))
        if taken is None:  # an earlier driver has let go of it: nobody knows any more whose it was
            return _vanished(pack, reason, _is_once(pack))
        index, iteration = taken.where
        guilty = pack.leader if iteration == 0 else None if index < 0 else index
        child = pack.members.get(guilty)
        if pack.is_single or child is None:
            return _vanished(pack, reason, pack.is_single)
        # An iteration that is not recorded cannot be charged: the next time, it travels alone.
        charged = iteration in (0, child.progress.iteration)
        others = [Vanished(key, reason, False) for index, key in _keys(pack) if index != guilty]
        assert child.key is not None
        through = max(iteration, child.progress.iteration)
        return [Vanished(child.key, reason, charged, through), *others]

    def _refused(self, pack: Pack, text: str) -> Sequence[News]:
        """Fail an attempt that Dask refuses; of several it is found out which one that is."""
        if len(pack.members) == 1:
            return [Came(key, refusal(text)) for _, key in _keys(pack)]
        return [
            Vanished(child.key, text, False, child.progress.iteration)
            for child in pack.members.values()
            if child.key is not None
        ]

    def _lost_on(self, who: str) -> str:
        cause = "" if self._words is None else self._words.read(who)
        return f"worker {who} went away" + (f": {cause}" if cause else "")


def _is_once(pack: Pack) -> bool:
    """Tell whether what is in a future must not be run twice, once it may have begun."""
    return any(child.rules.limits.at_most_once for child in pack.members.values())


def _keys(pack: Pack) -> list[tuple[int | None, Key]]:
    """List the attempts of a future that are still in flight."""
    return [(i, child.key) for i, child in pack.members.items() if child.key is not None]


def _vanished(pack: Pack, reason: str, charged: bool = False, alone: int = 0) -> Sequence[Vanished]:
    """Lose all attempts of a future; one of several is charged only if it is known which one."""
    if pack.is_single:
        return [Vanished(key, reason, charged) for _, key in _keys(pack)]
    return [Vanished(key, reason, False, alone) for _, key in _keys(pack)]


def refusal(text: str, error: BaseException | None = None) -> Entry:
    """Make the entry of an attempt that could not be executed at all."""
    if error is None:
        error = PayloadError(text)
    kind = type(error)
    return Entry(
        "failed",
        text,
        seal_error(error, _INLINE, None, "") if str(error) == text else None,
        ErrorText(f"{kind.__module__}.{kind.__qualname__}", text, ""),
        retriable=False,
        worker="driver",
    )
