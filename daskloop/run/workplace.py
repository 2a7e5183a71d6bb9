"""What a run works with: the session of its executor and the store of its large values."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daskloop import config
from daskloop.errors import DaskloopError, StoreError
from daskloop.executors.choose import Choice, Inline, StartedCluster, Temporary
from daskloop.executors.offers import check_inline, check_offers, is_whole
from daskloop.executors.session import Demand, Post, Session
from daskloop.plan.plan import Plan
from daskloop.record.claims import Claims
from daskloop.record.folder import store_error
from daskloop.record.in_cluster import forget_here, is_in_cluster
from daskloop.record.journal_trouble import translated
from daskloop.record.memory_claims import memory_claims
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore, temporary_store
from daskloop.run.placing import demands_of
from daskloop.run.register import Registered

if TYPE_CHECKING:
    from distributed import Client

    from daskloop.executors.connection import Connection
    from daskloop.executors.preflight import ClusterFacts

__all__ = ["Workplace", "open_workplace"]

logger = logging.getLogger("daskloop.run")

_FOREIGN_INLINE = 8_192  # clusters of others remember their last messages at full size


@dataclass(frozen=True, slots=True)
class Workplace:
    """An open session and what goes with it."""

    session: Session
    store: PayloadStore | None
    """None if driver and workers share no place for files."""
    claims: Claims | None
    """None if no worker can be lost, or there is no place for claims."""
    inline_limit: int
    temporary: bool
    """True if the store was made for this run."""
    fleeting: bool = False
    """True if the claims are in memory, and go when the driver ends in an orderly way."""
    lasting_claims: bool = False
    """True if claims are kept until the run has ended, for drivers to come."""
    scheduler: str | None = None
    """Address of a scheduler that lives longer than the run."""
    crowded: bool = False
    """True if a worker executes several attempts at once."""
    shown_by: Client | None = None
    """The client of a cluster whose dashboard may show the run."""

    def drop(self, values: Sequence[Sealed]) -> None:
        """Let go of values that nothing needs any more: files, and datasets of the cluster."""
        datasets = [one.name for one in values if one.name and is_in_cluster(one.name)]
        if datasets:
            self.session.unpublish(datasets)
        for name in datasets:
            forget_here(name)
        for one in values:
            if one.name and not is_in_cluster(one.name) and self.store is not None:
                self.store.remove(one.name)

    def leave(self) -> None:
        """Let go of the session, and of a temporary store that no state refers to."""
        try:
            self.session.close()
        finally:
            try:
                if self.claims is not None and self.fleeting:
                    self.claims.remove_all()
                if self.store is not None and self.temporary and not self.store.names():
                    self.store.remove_all()
            except StoreError as error:  # files that nobody needs are no reason to lose a result
                logger.warning("%s", error)


def open_workplace(
    choice: Choice, store: Any, plan: Plan, post: Post, registered: Registered
) -> Workplace:
    """Start or connect what the run needs.

    Parameters
    ----------
    choice : Choice
        The executor.
    store : str, path or None
        A place that the user says all workers share.
    plan : Plan
        The flow, to know what it asks of the place.
    post : callable
        Takes arrivals.
    registered : Registered
        The run's name, and where it is written down: its payloads lie there too.
    """
    given = _given_store(store, registered)
    own = given or temporary_store()
    recorded = registered.ledger.place is not None
    # A later driver has to know of each attempt whether it was started, whatever happens.
    lasting_claims = recorded and bool(_at_most_once(plan))
    asked = {} if registered.is_over else demands_of(plan)  # over: nothing runs any more
    if isinstance(choice, Inline):
        check_inline(asked)
        return _here(own, given is None, post, lasting_claims)
    from daskloop.executors.dask_session import DaskSession
    from daskloop.executors.hold import open_hold

    connection = _connected(choice, own, given is None)
    client = connection.client
    try:
        _check_offers(choice, connection, asked)
        folder = own.url if store is None else None
        with _explained(registered):
            facts = _facts(connection, folder)
        shared = store is not None or facts.shares_folder
        claims, fleeting = _choose_claims(
            client, own.claims() if shared else None, registered, lasting_claims
        )
        _check_once(plan, claims is None and (lasting_claims or not _is_here(client)))
        limit = config.size("inline-limit")
        if not isinstance(choice, Temporary):
            limit = min(limit, _FOREIGN_INLINE)
        lasting = recorded and not connection.owned_cluster
        hold = open_hold(client, registered.run, registered.ledger.epoch) if lasting else None
        session = DaskSession(connection, post, slots=facts.threads, hold=hold, asked=asked)
        address = client.scheduler.address if lasting else None
        shown_by = client if connection.may_have_dashboard else None
    except BaseException:  # no connection stays open, Ctrl-C included; raised again
        connection.close()
        raise
    if not shared:
        _say_unshared(connection, limit)
    kept = own if shared else None
    return Workplace(
        session,
        kept,
        claims,
        limit,
        given is None,
        fleeting,
        lasting_claims,
        address,
        facts.threads != len(facts.workers),
        shown_by,
    )


def _connected(choice: Choice, store: PayloadStore, temporary: bool) -> Connection:
    """Connect, or remove the folder: an error may live on, and with it the store that holds it."""
    from daskloop.executors.connection import open_connection

    try:
        return open_connection(choice)
    except BaseException:  # no temporary store stays behind; raised again
        if temporary:
            store.remove_all()
        raise


def _here(store: PayloadStore, temporary: bool, post: Post, lasting_claims: bool) -> Workplace:
    """Make the workplace of a run in the calling thread."""
    from daskloop.executors.inline import InlineSession

    claims = store.claims() if lasting_claims else None
    limit = config.size("inline-limit")
    session = InlineSession(post)
    return Workplace(session, store, claims, limit, temporary, lasting_claims=lasting_claims)


def _facts(connection: Connection, folder: str | None) -> ClusterFacts:
    """Ask the workers what they are and share, once there is one: nobody can tell before."""
    from daskloop.executors.first_worker import await_first_worker
    from daskloop.executors.preflight import preflight

    facts = preflight(connection.client, folder)
    if facts.workers:
        return facts
    limit = config.seconds("connect-timeout")
    logger.warning(
        "%s has no workers: waiting up to %g s for the first one", connection.description, limit
    )
    came = await_first_worker(connection.client, limit)
    return preflight(connection.client, folder) if came else facts


@contextlib.contextmanager
def _explained(registered: Registered) -> Iterator[None]:
    """Say of a folder that cannot be written to what that keeps from being done, and what helps."""
    from daskloop.executors.preflight import MarkerError

    try:
        yield
    except MarkerError as error:
        doing = f"look whether the workers share the folder of run {registered.run!r}"
        if registered.ledger.place is None:
            raise store_error(error, doing, error.filename) from error
        with translated(doing, error.filename):
            raise


def _say_unshared(connection: Connection, limit: int) -> None:
    logger.warning(
        "the workers of %s share no folder with this process: values above %d bytes travel "
        "through it; pass store= to flow.run to name a place that all of them reach",
        connection.description,
        limit,
    )


def _check_offers(choice: Choice, connection: Connection, asked: Mapping[str, Demand]) -> None:
    """Look whether there are workers that can run what the flow asks for, or may come."""
    adapts = isinstance(choice, StartedCluster) and bool(choice.adapt_kwargs)
    whole = connection.owned_cluster and not adapts and is_whole(connection.cluster)
    check_offers(connection.client, asked, whole=whole, description=connection.description)


def _choose_claims(
    client: Any, stored: Claims | None, registered: Registered, lasting: bool
) -> tuple[Claims | None, bool]:
    """Decide where attempts claim their start, and whether the claims go with the run.

    Returns
    -------
    claims : Claims or None
        None if workers cannot be lost without this process, or share no place.
    fleeting : bool
        True if the claims are of no use once this driver has ended in an orderly way.
    """
    if lasting:
        return stored, False
    if _is_here(client):
        return None, False
    in_memory = _in_memory(client, registered)
    return in_memory or stored, in_memory is not None


def _is_here(client: Any) -> bool:
    """Tell whether the workers are in this very process, and so are not lost without it."""
    return bool(client.scheduler.address.startswith("inproc://"))


def _in_memory(client: Any, registered: Registered) -> Claims | None:
    """Make claims in the memory of this machine, if all workers are on it."""
    from daskloop.executors.preflight import shares

    claims = memory_claims(registered.run)
    if claims is not None and not shares(client, claims.directory):
        if registered.past is None:  # else an earlier driver's attempts may still claim there
            claims.remove_all()
        return None
    return claims


def _given_store(store: Any, registered: Registered) -> PayloadStore | None:
    """Open the store that the user named, or the one beside the run's record."""
    place = registered.ledger.place
    if place is None:
        return None if store is None else PayloadStore(store)
    # Another driver may have written what lies there, long ago: it is checked before it is used.
    verify = 0 if registered.past is None else registered.ledger.epoch
    return PayloadStore(registered.store or place, durable=True, verify=verify)


def _at_most_once(plan: Plan) -> list[str]:
    """Name the tasks of which it has to be known whether they had been started.

    A recorded run outlives its driver; without workers of its own it otherwise simply runs again
    what had been in flight, and a claim costs a file for each attempt.
    """
    return [node.name for node in plan.every_node() if node.task.limits.at_most_once]


def _check_once(plan: Plan, blind: bool) -> None:
    """Refuse `at_most_once` where nobody could tell whether an attempt has begun."""
    names = _at_most_once(plan)
    if blind and names:
        raise DaskloopError(
            f"task '{names[0]}' is at_most_once, which needs a folder that all workers share, to "
            "claim the start of each attempt; pass store= to flow.run"
        )
