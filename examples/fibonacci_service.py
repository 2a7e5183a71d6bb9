"""A small HTTP service that answers Fibonacci numbers, and fails now and then when told to.

    python examples/fibonacci_service.py --fail-rate 0.3

``POST /`` with the form field ``nth`` (1 and up) answers the n-th Fibonacci number as JSON.
``GET /stats`` answers how many requests there were. It listens on 127.0.0.1 alone.

    with serve(fail_first=1) as service:
        requests.post(service.url, data={"nth": 10}).json()     # fails once, then 55
"""

from __future__ import annotations

import argparse
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

LARGEST = 10_000
"""The largest `nth` that is answered."""


def fibonacci(nth: int) -> int:
    """Return the n-th Fibonacci number; the first two are 1."""
    previous, current = 0, 1
    for _ in range(nth - 1):
        previous, current = current, previous + current
    return current


class BadRequest(Exception):
    """A request that cannot be answered, with a text that says why."""


class Service(ThreadingHTTPServer):
    """The service, its failures and its counts.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0 takes a free one.
    fail_rate : float
        Share of the requests that fail, at random: half of them with status 500, half by a
        connection that is dropped without an answer.
    fail_first : int
        Fail this many requests before anything else.
    seed : int, optional
        Makes the random failures the same each time.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, port: int = 0, fail_rate: float = 0.0, fail_first: int = 0, seed: int | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), _Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self._fail_rate = fail_rate
        self._fail_first = fail_first
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._counts = {"requests": 0, "failed": 0, "bad": 0}

    def stats(self) -> dict[str, int]:
        """Return how many requests came, how many were failed on purpose, how many were bad."""
        with self._lock:
            return dict(self._counts)

    def count(self, what: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[what] += 1

    def draw_failure(self) -> str | None:
        """Count a request and decide its fate: None, "status" or "drop"."""
        with self._lock:
            self._counts["requests"] += 1
            first = self._counts["requests"] <= self._fail_first
            if not first and self._random.random() >= self._fail_rate:
                return None
            self._counts["failed"] += 1
            return self._random.choice(["status", "drop"])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away before their answer."""


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        if self.path == "/stats":
            self._send(200, "application/json", json.dumps(self.server.stats()))
        else:
            self._send(404, "text/plain", f"no page {self.path!r}: POST to /, or GET /stats\n")

    def do_POST(self) -> None:
        body = self._read()
        failure = self.server.draw_failure()
        if failure == "drop":
            self.close_connection = True
        elif failure == "status":
            self._send(500, "text/plain", "out of order, try again\n")
        else:
            self._answer(body)

    def _answer(self, body: str) -> None:
        try:
            nth = _read_nth(self.path, body)
        except BadRequest as problem:
            self.server.count("bad")
            self._send(400, "text/plain", f"{problem}\n")
        else:
            self._send(200, "application/json", json.dumps(fibonacci(nth)))

    def _read(self) -> str:
        length = self.headers.get("Content-Length", "")
        size = min(int(length), 10_000) if length.isdecimal() else 0
        return self.rfile.read(size).decode(errors="replace")

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet; the counts tell."""


def _read_nth(path: str, body: str) -> int:
    if path != "/":
        raise BadRequest(f"POST to /, not to {path!r}")
    values = parse_qs(body).get("nth", [])
    if len(values) != 1:
        raise BadRequest(f"give the form field nth once, as in nth=10; it came {len(values)} times")
    text = values[0]
    nth = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= nth <= LARGEST:
        raise BadRequest(f"nth must be a whole number from 1 to {LARGEST}, not {text[:40]!r}")
    return nth


@contextmanager
def serve(
    port: int = 0, fail_rate: float = 0.0, fail_first: int = 0, seed: int | None = None
) -> Iterator[Service]:
    """Run the service in a thread for the time of a ``with`` block."""
    service = Service(port, fail_rate, fail_first, seed)
    thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A Fibonacci service that may fail.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--fail-rate", type=_rate, default=0.0, help="share that fails, 0 to 1")
    parser.add_argument("--fail-first", type=int, default=0, help="fail that many to begin with")
    parser.add_argument("--seed", type=int, help="the same failures each time")
    given = parser.parse_args()
    with Service(given.port, given.fail_rate, given.fail_first, given.seed) as service:
        print(f"serving on {service.url}", flush=True)
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            print(f"served {service.stats()}")


if __name__ == "__main__":
    main()
