"""The web service of ``daskloop demo``: Fibonacci numbers, and a failure now and then.

It answers like ``examples/fibonacci_service.py``, which is the one to read and to try things on.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

__all__ = ["serve"]


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fail_rate: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self._fail_rate = fail_rate
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def draw_failure(self) -> bool:
        """Decide on the fate of one request."""
        with self._lock:
            return self._random.random() < self._fail_rate


class _Answer(BaseHTTPRequestHandler):
    server: _Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.server.draw_failure():
            self.send_error(500, "out of order")
            return
        nth = int(parse_qs(body.decode())["nth"][0])
        previous, current = 0, 1
        for _ in range(nth - 1):
            previous, current = current, previous + current
        answer = json.dumps(current).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the run's own lines tell."""


@contextmanager
def serve(fail_rate: float, seed: int) -> Iterator[str]:
    """Run the service for the time of a ``with`` block; gives its address.

    Parameters
    ----------
    fail_rate : float
        Share of the requests that fail with status 500.
    seed : int
        Makes the failures the same each time.
    """
    service = _Service(fail_rate, seed)
    thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{service.server_address[1]}/"
    finally:
        service.shutdown()
        service.server_close()
        thread.join()
