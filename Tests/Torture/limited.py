"""Two servers that speak as much DHIS2 as one long pull and push need, at a limited bandwidth. They keep nothing."""

import hashlib
import json
import multiprocessing
import socket
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

# Values of a block: one organisation unit, its number in the unit's id.
BLOCK_VALUES = 2000
UNIT = b"U0000000000"
# Small, so that what waits in the kernel does not hide what waits in the commands.
SOCKET_BYTES = 262_144
INFO = json.dumps({"version": "2.42.5.2", "calendar": "iso8601", "serverTimeZoneId": "Etc/UTC",
                   "serverDate": "2026-01-01T00:00:00.000"}).encode()


def block():
    """The values of one unit, as DHIS2 writes them."""
    return b",".join(
        b'{"dataElement":"D%010d","period":"2022%02d","orgUnit":"%s","categoryOptionCombo":"HllvX50cXC0",'
        b'"attributeOptionCombo":"HllvX50cXC0",'
        b'"value":"%d","storedBy":"admin","created":"2022-01-09T06:32:40.000+0000",'
        b'"lastUpdated":"2022-01-09T06:32:40.000+0000",'
        b'"comment":null,"followup":false}' % (number, number % 12 + 1, UNIT, number * 7919 % 10000)
        for number in range(BLOCK_VALUES))


class Pace:
    """Lets through so many bytes a second."""

    def __init__(self, rate):
        self.rate, self.free_at = rate, time.monotonic()

    def take(self, count):
        now = time.monotonic()
        # What was not used is lost, but for a tenth of a second.
        self.free_at = max(self.free_at, now - 0.1) + count / self.rate
        if self.free_at > now:
            time.sleep(self.free_at - now)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Source(Handler):
    """Streams the values as one answer."""

    def do_GET(self):
        if not self.path.startswith("/api/dataValueSets"):
            return self.answer(INFO)
        shared, pace, digest = self.server.shared, Pace(self.server.rate), hashlib.sha256()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(b'{"dataValues":[')
        template, number, sent = block(), 0, 0
        while sent < self.server.size:
            text = (b"," if number else b"") + template.replace(UNIT, b"U%010d" % number)
            for start in range(0, len(text), 65536):
                piece = text[start:start + 65536]
                pace.take(len(piece))
                self.chunk(piece)
                shared.sent.value += len(piece)
            digest.update(text)
            sent += len(text)
            number += 1
        self.chunk(b"]}")
        self.chunk(b"")
        shared.values_sent.value = number * BLOCK_VALUES
        shared.sent_digest.value = digest.digest()

    def chunk(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


class Destination(Handler):
    """Takes every value, counts it, and forgets it."""

    def do_GET(self):
        if self.path.startswith("/api/categoryOptionCombos"):
            return self.answer(b'{"categoryOptionCombos":[{"id":"HllvX50cXC0"}]}')
        return self.answer(INFO)

    def do_POST(self):
        shared, pace = self.server.shared, self.server.pace
        body = bytearray(int(self.headers["Content-Length"]))
        rest = memoryview(body)
        while rest:
            count = self.connection.recv_into(rest[:65536])
            if not count:
                raise ConnectionError("the request was cut off")
            pace.take(count)
            rest = rest[count:]
        inside = memoryview(body)[body.index(b"[") + 1:body.rindex(b"]")]
        values = body.count(b'"dataElement"')
        if shared.values_taken.value:
            self.server.digest.update(b",")
        self.server.digest.update(inside)
        shared.values_taken.value += values
        shared.taken.value += len(inside) + 1
        shared.requests.value += 1
        shared.largest.value = max(shared.largest.value, len(body))
        shared.taken_digest.value = self.server.digest.digest()
        self.answer(json.dumps({
            "httpStatus": "OK", "httpStatusCode": 200, "status": "OK", "message": "Import was successful.",
            "response": {
                "responseType": "ImportSummary", "status": "SUCCESS",
                "description": "Import process completed successfully",
                "importCount": {"imported": values, "updated": 0, "ignored": 0, "deleted": 0}, "conflicts": [],
                "rejectedIndexes": []},
        }).encode())

    # recv_into goes past the buffer of rfile: it must be none.
    rbufsize = 0


class Shared:
    """What the servers have done so far, each written by one of them."""

    def __init__(self):
        self.sent, self.values_sent, self.taken, self.values_taken, self.requests, self.largest = (
            multiprocessing.Value("Q", 0, lock=False) for _ in range(6))
        self.sent_digest, self.taken_digest = (multiprocessing.Array("c", 33, lock=False) for _ in range(2))


def start(handler, shared, rate, size=0):
    """A process that serves, and its address."""
    server = HTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        server.socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BYTES)
    server.server_bind()
    server.server_activate()
    server.shared, server.rate, server.pace, server.size, server.digest = shared, rate, Pace(
        rate), size, hashlib.sha256()
    process = multiprocessing.Process(target=server.serve_forever, daemon=True)
    process.start()
    server.socket.close()
    return process, f"http://127.0.0.1:{server.server_port}"
