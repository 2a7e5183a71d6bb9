"""A web server on this machine that takes messages, and that can fail, hang and be rude."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Receiver", "receiver"]

PATIENCE = 20.0
"""Seconds after which a message that has not come will not come."""


@dataclass
class Receiver:
    """What was posted to a server."""

    url: str
    posted: list[dict[str, Any]] = field(default_factory=list)
    """The bodies, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    tries: int = 0
    _came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> int:
        """Note what was posted, and return which one it was."""
        with self._came:
            self.posted.append(body)
            self.headers.append(headers)
            self.tries += 1
            self._came.notify_all()
            return self.tries

    def wait_for(self, count: int) -> None:
        """Wait until so many have come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.posted) >= count, PATIENCE), self.posted


@contextmanager
def receiver(
    answer: Callable[[int], Any] = lambda count: 200, path: str = "/"
) -> Iterator[Receiver]:
    """Serve while the block lasts.

    Parameters
    ----------
    answer : callable
        Takes the number of the request, returns its status, or a status and headers; may wait.
    path : str
        What stands after the host in the URL.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            count = found.take(json.loads(self.rfile.read(length)), dict(self.headers))
            status = answer(count)
            status, more = status if isinstance(status, tuple) else (status, {})
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that closing waits for them

        def handle_error(self, *_: Any) -> None:
            pass  # somebody who waited no longer

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    found = Receiver(f"http://127.0.0.1:{server.server_port}{path}")
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
