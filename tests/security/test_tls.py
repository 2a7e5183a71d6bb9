"""Runs on clusters that speak TLS: they work, strangers are refused, nothing is in plain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
import pytest

from daskloop import Flow, Parameter, again, task
from tests.security.certificates import Authority
from tests.security.wire import Wire

LOOPBACK = "127.0.0.1:0"
ROLES = ("client", "scheduler", "worker")
PLANTED = "planted-on-the-wire-7f3a9c12"


def security_of(authority: Authority, roles: tuple[str, ...] = ROLES) -> Any:
    """Make Dask's Security with a certificate for each role."""
    from distributed import Security

    parts: dict[str, str] = {}
    for role in roles:
        parts[f"tls_{role}_cert"], parts[f"tls_{role}_key"] = authority.issue(role)
    return Security(tls_ca_file=str(authority.file), require_encryption=True, **parts)


@contextmanager
def cluster_of(security: Any, processes: bool) -> Iterator[Any]:
    """Start a cluster, with TLS if there is a Security for it."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=processes,
        protocol="tcp://" if security is None else "tls://",
        host="127.0.0.1",
        security=security,
        dashboard_address=LOOPBACK,
        worker_dashboard_address=LOOPBACK,
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ours")


@task(max_retries=2)
def flaky(n, note, failed=False):
    if n == 2 and not failed:
        return again(n=n, failed=True)
    return again(n=n + 1) if n < 4 else f"{note}: {n}"


@task
def blob(size):
    return bytes(size)


@task
def total(blobs, notes):
    return sum(map(len, blobs)), notes


@task(timeout="20s")
def in_time(x):
    return x


def flow_for_tls() -> tuple[Flow, Any]:
    with Flow("over-tls") as flow:
        notes = flaky.map([1, 2, 3], Parameter("note", type=list[str]))
        ends = total(blob.map([10, 300_000]), in_time.map(notes))
    return flow, ends


@pytest.mark.parametrize(
    "processes", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["threads", "processes"]
)
def test_a_flow_runs_to_its_end_by_an_address_and_certificates(authority, processes, tmp_path):
    from distributed import Client

    flow, ends = flow_for_tls()
    security = security_of(authority)
    with (
        cluster_of(security, processes) as cluster,
        Client(cluster.scheduler_address, security=security) as client,
    ):
        assert cluster.scheduler_address.startswith("tls://")
        assert all(address.startswith("tls://") for address in client.scheduler_info()["workers"])
        state = flow.run(note=["a", "b", "c"], executor=client, journal=tmp_path / "runs")
    assert state.is_successful(), state.message
    assert state.result[ends].result == (300_010, ["a: 4", "b: 4", "c: 4"])


def test_certificates_come_from_dasks_configuration(authority, tmp_path):
    flow, ends = flow_for_tls()
    cert, key = authority.issue("client")
    config = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": str(authority.file),
        "distributed.comm.tls.client": {"cert": cert, "key": key},
    }
    with cluster_of(security_of(authority), processes=False) as cluster:
        address = cluster.scheduler_address
        with dask.config.set(config):
            state = flow.run(note=["a", "b", "c"], executor=address)
    assert state.result[ends].result[0] == 300_010


def test_a_certificate_of_another_authority_is_refused(authority, tmp_path):
    flow, _ = flow_for_tls()
    stranger = Authority(tmp_path, "stranger")
    cert, key = stranger.issue("client")
    config = {
        "daskloop.connect-timeout": "1s",
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": str(authority.file),
        "distributed.comm.tls.client": {"cert": cert, "key": key},
    }
    with cluster_of(security_of(authority), processes=False) as cluster:
        address = cluster.scheduler_address
        with dask.config.set(config), pytest.raises(ConnectionError, match="tls://") as caught:
            flow.run(note=["a", "b", "c"], executor=address)
    assert "No Dask scheduler could be reached" in str(caught.value)


@pytest.mark.parametrize("encrypted", [True, False])
def test_nothing_of_a_run_is_readable_on_the_wire_with_tls_and_all_is_without(authority, encrypted):
    """The second half is there to show that the first could fail."""
    from distributed import Client

    flow, ends = flow_for_tls()
    security = security_of(authority) if encrypted else None
    with cluster_of(security, processes=False) as cluster:
        scheme, port = cluster.scheduler_address.split("://")[0], cluster.scheduler.port
        with (
            Wire(port) as wire,
            Client(f"{scheme}://127.0.0.1:{wire.port}", security=security) as client,
        ):
            state = flow.run(note=[PLANTED] * 3, executor=client)
            seen = wire.seen
    assert state.result[ends].result[1] == [f"{PLANTED}: 4"] * 3
    assert len(seen) > 10_000
    for text in (PLANTED.encode(), b"over-tls", b"flaky"):
        assert (text in seen) is not encrypted, text


@pytest.mark.slow
def test_a_cluster_that_a_run_starts_speaks_tls_if_dask_is_told_so(authority, caplog):
    flow, ends = flow_for_tls()
    issued = {role: authority.issue(role) for role in ROLES}
    config = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": str(authority.file),
        **{
            f"distributed.comm.tls.{role}": {"cert": cert, "key": key}
            for role, (cert, key) in issued.items()
        },
    }
    with Flow("where") as where:
        address = address_of_worker()
    with dask.config.set(config):
        state = flow.run(note=["a", "b", "c"], executor="processes", workers=1)
        told = where.run(executor="processes", workers=1)
    assert state.result[ends].result[0] == 300_010
    assert told.result[address].result.startswith("tls://127.0.0.1:")


@task
def address_of_worker():
    from distributed import get_worker

    return get_worker().address
