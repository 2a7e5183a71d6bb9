"""Be those who look at a run from elsewhere: a browser, and a receiver of messages.

python onlooker.py

A process of its own, as browsers and receivers are. Prints the URL of a webhook on this machine,
then does what it reads, a line each, and answers each with how much it has received since:

    fetch URL    fetch a page twice a second from now on
    open URL     open a page of Bokeh's as a browser does, by its websocket, and hold it open
    rest         do nothing of these
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import websocket_connect

_EVERY = 0.5  # seconds between two fetches
_PULL = ('{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}")  # a message of Bokeh's

received = {"pages": 0, "patches": 0, "messages": 0}


class _Taker(RequestHandler):
    """Takes what is posted."""

    def post(self) -> None:
        """Answer that it is well."""
        json.loads(self.request.body)
        received["messages"] += 1


async def _fetch(url: str) -> None:
    while True:
        answer = await AsyncHTTPClient().fetch(url)
        received["pages"] += b"Loops" in answer.body
        await asyncio.sleep(_EVERY)


async def _open(url: str) -> None:
    answer = await AsyncHTTPClient().fetch(url)
    found = re.search(r'"token":"([^"]+)"', answer.body.decode())
    assert found is not None
    address = f"{url.replace('http', 'ws', 1)}/ws"
    socket = await websocket_connect(address, subprotocols=["bokeh", found[1]])
    await socket.read_message()  # the three parts of ACK
    for part in _PULL:
        await socket.write_message(part)
    try:
        while (part := await socket.read_message()) is not None:
            received["patches"] += '"PATCH-DOC"' in part[:200] if isinstance(part, str) else 0
    finally:
        socket.close()


async def _main() -> None:
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([("/", _Taker)]))
    server.add_sockets(sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/", flush=True)
    ways: dict[str, Any] = {"fetch": _fetch, "open": _open}
    doing: list[asyncio.Task[None]] = []
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        word, *given = line.split()
        if word == "rest":
            for one in doing:
                one.cancel()
            for one in await asyncio.gather(*doing, return_exceptions=True):
                if not isinstance(one, asyncio.CancelledError):
                    raise RuntimeError("it looked no more") from one
            doing.clear()
        else:
            doing.append(asyncio.ensure_future(ways[word](*given)))
        print(json.dumps(received), flush=True)
        received.update(dict.fromkeys(received, 0))


if __name__ == "__main__":
    asyncio.run(_main())
