#!/usr/bin/env python3
"""A slow link between a client and servers: delays and throttles TCP.

  link.py --round-trip 0.15 --rate 2000000 [--scheme https] HOST:PORT …

Prints an address for each server, then relays until SIGTERM, and then prints the transferred bytes as JSON. All
connections share the rate; each direction has its own. A connection takes a round trip before its first bytes leave, as
the handshake does. It does not simulate loss, nor TCP's slow start.
"""

import argparse
import asyncio
import json
import signal

# The bytes that may be in flight in one direction of a connection: more than rate × round trip, so that the link is
# never idle.
WINDOW = 1 << 20
PIECE = 16 * 1024


class Direction:
    """Sends the bytes of all connections one after the other, at the rate of the link."""

    def __init__(self, rate, delay):
        self.rate, self.delay, self.free_at, self.bytes = rate, delay, 0.0, 0

    def arrival(self, count):
        now = asyncio.get_running_loop().time()
        self.free_at = max(now, self.free_at) + count / self.rate
        self.bytes += count
        return self.free_at + self.delay


async def carry(reader, writer, direction, ready):
    """Reads as fast as the link accepts bytes; they arrive later, in order."""
    queue = asyncio.Queue()
    under_way = 0
    room = asyncio.Event()

    async def deliver():
        nonlocal under_way
        loop = asyncio.get_running_loop()
        while True:
            data, at = await queue.get()
            await asyncio.sleep(max(0, at - loop.time()))
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
            under_way -= len(data)
            room.set()

    delivering = asyncio.create_task(deliver())
    try:
        await ready
        while True:
            data = await reader.read(PIECE)
            queue.put_nowait((data, direction.arrival(len(data))))
            if not data:
                break
            under_way += len(data)
            while under_way > WINDOW:
                room.clear()
                await room.wait()
        await delivering
    except (ConnectionError, OSError):
        delivering.cancel()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--round-trip", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--scheme", default="http")
    parser.add_argument("servers", nargs="+")
    options = parser.parse_args()
    up, down = (Direction(options.rate, options.round_trip / 2) for _ in range(2))
    connections = 0

    async def relay(host, port, reader, writer):
        nonlocal connections
        connections += 1
        try:
            server_reader, server_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        handshake = asyncio.create_task(asyncio.sleep(options.round_trip))
        try:
            await asyncio.gather(
                carry(reader, server_writer, up, handshake), carry(server_reader, writer, down, handshake))
        except asyncio.CancelledError:
            pass  # the link ends, with connections open
        for each in (writer, server_writer):
            each.close()

    for server in options.servers:
        host, port = server.rsplit(":", 1)
        listening = await asyncio.start_server(
            lambda reader, writer, host=host, port=port: relay(host, int(port), reader, writer), "127.0.0.1", 0)
        print("%s://127.0.0.1:%d" % (options.scheme, listening.sockets[0].getsockname()[1]), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    print(json.dumps({"up": up.bytes, "down": down.bytes, "connections": connections}), flush=True)


asyncio.run(main())
