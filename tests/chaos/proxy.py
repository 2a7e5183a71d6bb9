"""A program that forwards connections between two ports of 127.0.0.1: ``PORT TARGET_PORT``.

A line on its standard input says how the network is: ``heal`` (as it should be), ``freeze``
(nothing arrives, nobody is told) or ``cut`` (connections are reset, and new ones are too). Ends
with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys

HOST = "127.0.0.1"
_CHUNK = 1 << 16


class Network:
    """How the network between the two ports is now."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    def become(self, how: str) -> None:
        """Change to what was asked for."""
        self._is_cut = how == "cut"
        if how == "freeze":
            self._flows.clear()
        else:
            self._flows.set()
        if self._is_cut:
            for writer in list(self._open):
                _reset(writer)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a new connection through."""
        if self._is_cut:
            _reset(writer)
            return
        await self._flows.wait()
        try:
            there = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(writer)
            return
        for source, sink in ((reader, there[1]), (there[0], writer)):
            pump = asyncio.ensure_future(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._open.add(sink)
        try:
            while chunk := await source.read(_CHUNK):
                await self._flows.wait()
                sink.write(chunk)
                await sink.drain()
        except OSError:  # one of the two has gone, so the other is told
            _reset(sink)
        finally:
            self._open.discard(sink)
            with contextlib.suppress(OSError):
                sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):  # it is closed already
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _serve(port: int, target: int) -> None:
    network = Network(target)
    server = await asyncio.start_server(network.accept, HOST, port)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("up", flush=True)
    async with server:
        while line := await lines.readline():
            network.become(line.decode().strip())
            print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:])))
