"""Connections: whose client and cluster it is, what is closed, and what cannot be reached."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest

from daskloop.executors import connection as module
from daskloop.executors.choose import (
    Address,
    GivenClient,
    GivenCluster,
    Inline,
    StartedCluster,
    Temporary,
    choose,
)
from daskloop.executors.connection import Connection, connect, open_connection
from tests import shared_clusters

LOOPBACK = "127.0.0.1:0"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one thread that can be reached by TCP."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        dashboard_address=LOOPBACK,
        worker_dashboard_address=LOOPBACK,
    ) as cluster:
        yield cluster


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connections.append(server.accept()[0])
                except OSError:  # the server is closed
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()


def test_f09_a_given_client_is_used_as_it_is_and_stays_open(threads_client: Any) -> None:
    connection = open_connection(GivenClient(threads_client))
    assert connection.client is threads_client
    assert not connection.owned_client and not connection.owned_cluster
    connection.close()
    assert threads_client.submit(sum, [1, 2]).result() == 3


def test_f09_a_given_cluster_stays_open_and_gets_a_client_that_is_closed(cluster: Any) -> None:
    connection = open_connection(GivenCluster(cluster))
    assert connection.client.submit(sum, [1, 2]).result() == 3
    assert connection.cluster is cluster
    assert connection.owned_client and not connection.owned_cluster
    connection.close()
    assert connection.client.status == "closed"
    assert cluster.status.name == "running"


def test_f09_a_cluster_at_an_address_stays_open(cluster: Any) -> None:
    connection = open_connection(Address(cluster.scheduler_address))
    assert connection.client.submit(sum, [1, 2]).result() == 3
    assert cluster.scheduler_address in connection.description
    connection.close()
    assert cluster.status.name == "running"


def test_an_address_may_leave_out_the_scheme(cluster: Any) -> None:
    connection = connect(cluster.scheduler_address.removeprefix("tcp://"))
    assert connection.client.submit(sum, [1, 2]).result() == 3
    connection.close()


def test_client_kwargs_reach_the_client(cluster: Any) -> None:
    connection = open_connection(Address(cluster.scheduler_address, {"name": "of-a-test"}))
    assert "of-a-test" in connection.client.id
    connection.close()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_f09_a_temporary_cluster_ends_with_its_connection(kind: Any) -> None:
    connection = open_connection(Temporary(kind, 1))
    assert connection.owned_client and connection.owned_cluster
    assert connection.client.submit(sum, [1, 2]).result() == 3
    assert kind in connection.description
    connection.close()
    connection.close()
    assert connection.client.status == "closed"


def test_a_client_of_ours_never_becomes_the_current_one(cluster: Any) -> None:
    from distributed import Client

    for choice in (Temporary("threads", 1), Address(cluster.scheduler_address)):
        connection = open_connection(choice)
        with pytest.raises(ValueError, match="No clients found"):
            Client.current()
        assert dask.config.get("scheduler", None) is None
        connection.close()


def test_inline_has_no_connection() -> None:
    with pytest.raises(ValueError, match="'inline'"):
        open_connection(Inline())


def test_an_asynchronous_client_is_refused_with_what_to_do(cluster: Any) -> None:
    from distributed import Client

    async def scenario() -> None:
        async with Client(
            cluster.scheduler_address, asynchronous=True, set_as_default=False
        ) as client:
            for refuse in (choose, connect):
                with pytest.raises(TypeError, match=r"asynchronous.*address"):
                    refuse(client)

    asyncio.run(scenario())


def test_a_closed_client_is_refused(cluster: Any) -> None:
    from distributed import Client

    client = Client(cluster, set_as_default=False)
    client.close()
    with pytest.raises(ConnectionError, match="'closed'"):
        connect(client)


def test_a_closed_cluster_is_refused() -> None:
    from distributed import LocalCluster

    cluster = LocalCluster(n_workers=0, processes=False, dashboard_address=LOOPBACK)
    cluster.close()
    with pytest.raises(ConnectionError, match="closed"):
        connect(cluster, timeout=1)


@pytest.mark.parametrize("scheme", ["tcp", "tls", ""])
def test_r73_nobody_at_the_address_is_said_in_time(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = f"{scheme}://127.0.0.1:{port}".removeprefix("://")
    began = time.monotonic()
    with pytest.raises(ConnectionError) as caught:
        connect(address, timeout=1)
    assert time.monotonic() - began < 6
    assert address in str(caught.value)
    assert f"scheme {scheme or 'tcp'}" in str(caught.value)
    assert ("tcp://" if scheme == "tls" else "tls://") in str(caught.value)


def test_r73_a_server_that_says_nothing_is_given_up_in_time(silent_server: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="No Dask scheduler could be reached"):
        connect(f"tcp://{silent_server}", timeout=1)
    assert time.monotonic() - began < 6


def test_r73_an_address_within_this_process_is_reached_while_something_is_there() -> None:
    from distributed import LocalCluster

    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": LOOPBACK}
    with LocalCluster(processes=False, **options) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("inproc://")
        connection = connect(address)
        assert connection.client.submit(sum, [1, 2]).result() == 3
        connection.close()
    # A client that was made for nothing would keep a thread, and the program for a minute.
    for gone in (address, "inproc://192.0.2.1/1/1"):
        before, began = set(threading.enumerate()), time.monotonic()
        with pytest.raises(ConnectionError, match=f"reached at {gone} \\(scheme inproc"):
            connect(gone, timeout=0.5)
        assert time.monotonic() - began < 10
        assert {one for one in threading.enumerate() if one.name == "IO loop"} <= before


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(ConnectionError, match="scheme nonsense"):
        connect("nonsense://127.0.0.1:1", timeout=1)


def test_the_timeout_comes_from_the_config() -> None:
    began = time.monotonic()
    with (
        dask.config.set({"daskloop.connect-timeout": "200ms"}),
        pytest.raises(ConnectionError, match=r"waited up to 0\.2 s"),
    ):
        connect("tcp://127.0.0.1:1")
    assert time.monotonic() - began < 5


class _Broken:
    """A cluster that can be used and not be closed."""

    def __init__(self, hangs: bool = False) -> None:
        self.scheduler_address = shared_clusters.threads.client().scheduler.address
        self.for_client = shared_clusters.threads.owned[0]
        self.hangs = threading.Event() if hangs else None

    def close(self) -> None:
        if self.hangs is not None:
            self.hangs.wait()
        else:
            raise RuntimeError("cannot close")


def test_closing_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    open_connection(StartedCluster(_Broken)).close()
    assert "closing temporary _broken" in caplog.text.lower()
    assert "cannot close" in caplog.text


def test_closing_never_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 1.0)
    connection = open_connection(StartedCluster(lambda: _Broken(hangs=True)))
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 5
    assert "takes too long" in caplog.text
    connection.cluster.hangs.set()


def test_closing_after_the_scheduler_died_does_no_harm() -> None:
    connection = open_connection(Temporary("processes", 1))
    connection.cluster.process.kill()
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 10


def _certificate(folder: Path) -> str:
    """Make a certificate that signs itself, and its key, in one file."""
    path = folder / "tls.pem"
    request = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout - -out -"
    done = subprocess.run(["openssl", *request.split()], capture_output=True, check=True)
    path.write_bytes(done.stdout)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Any]:
    """A cluster that speaks TLS, and the arguments of Dask's Security for it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    from distributed import LocalCluster, Security

    pem = _certificate(tmp_path)
    roles = ("client", "scheduler", "worker")
    keys = {f"tls_{role}_{part}": pem for role in roles for part in ("cert", "key")}
    security = Security(tls_ca_file=pem, require_encryption=True, **keys)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        security=security,
        dashboard_address=LOOPBACK,
        worker_dashboard_address=LOOPBACK,
    ) as cluster:
        yield cluster, pem


def _tls_config(pem: str) -> dict[str, Any]:
    roles = ("client", "scheduler", "worker")
    return {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": pem,
        **{f"distributed.comm.tls.{role}": {"cert": pem, "key": pem} for role in roles},
    }


def test_a_cluster_with_tls_is_reached_by_address_with_config(tls: Any) -> None:
    cluster, pem = tls
    with dask.config.set(_tls_config(pem)):
        connection = connect(cluster.scheduler_address)
    assert connection.client.submit(sum, [1, 2]).result() == 3
    connection.close()


def test_a_cluster_object_with_tls_brings_its_certificates(tls: Any) -> None:
    cluster, _ = tls
    connection = connect(cluster)
    assert connection.client.submit(sum, [1, 2]).result() == 3
    connection.close()


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_cluster_with_tls_is_reached_by_address_with_security(tls: Any, as_dict: bool) -> None:
    from distributed import Security

    cluster, pem = tls
    told = {"tls_ca_file": pem, "tls_client_cert": pem, "tls_client_key": pem}
    security = told if as_dict else Security(**told)
    connection = connect(cluster.scheduler_address, security=security)
    assert connection.client.submit(sum, [1, 2]).result() == 3
    connection.close()


def test_r73_plain_words_to_a_scheduler_with_tls_bring_the_hint(tls: Any) -> None:
    cluster, _ = tls
    address = cluster.scheduler_address.replace("tls://", "tcp://")
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="write tls://"):
        connect(address, timeout=2)
    assert time.monotonic() - began < 7


def test_r73_tls_without_certificates_brings_the_hint(tls: Any) -> None:
    cluster, _ = tls
    with pytest.raises(ConnectionError, match="certificates"):
        connect(cluster.scheduler_address, timeout=2)


def test_temporary_processes_speak_tls_where_the_config_asks_for_it(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    with dask.config.set(_tls_config(_certificate(tmp_path))):
        connection = open_connection(Temporary("processes", 1))
        try:
            assert connection.cluster.scheduler_address.startswith("tls://127.0.0.1:")
            assert connection.client.submit(sum, [1, 2]).result() == 3
        finally:
            connection.close()


def test_a_connection_is_frozen(threads_client: Any) -> None:
    connection = Connection(threads_client, False, None, False, "x")
    with pytest.raises(AttributeError):
        connection.cluster = 1  # type: ignore[misc]


def test_importing_the_module_does_not_import_distributed() -> None:
    code = "import sys, daskloop.executors.connection; assert 'distributed' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
