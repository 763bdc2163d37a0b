"""What no well-kept server does. Each answers one request: the stand-in's true answer may be asked for with `whole`."""

import functools
import gzip
import json
import socket
import struct
import time
import zlib

from hostile import Hostile, send

JSON = ("Content-Type", "application/json")


def half_open(self, client, *request):
    time.sleep(30)
    return False


def closes(self, client, *request):
    return False


def reset(self, client, *request):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def chunk_garbage(self, client, *request):
    _, body = self.whole(client, *request)
    send(client, "HTTP/1.1 200 X", [JSON, ("Transfer-Encoding", "chunked")],
         b"%x\r\n" % 500 + body[:500] + b"\r\nZZZ\r\n" + body[500:])
    return False


def chunk_negative(self, client, *request):
    send(client, "HTTP/1.1 200 X", [JSON, ("Transfer-Encoding", "chunked")], b"-5\r\n{}\r\n")
    return False


def length_too_long(self, client, *request):
    _, body = self.whole(client, *request)
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body) + 100)], body)
    return False


def length_too_short(self, client, *request):
    _, body = self.whole(client, *request)
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body) // 2)], body)
    return False


def two_lengths(self, client, *request):
    _, body = self.whole(client, *request)
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body)), ("Content-Length", 5)], body)
    return False


def gzip_cut(self, client, *request):
    _, body = self.whole(client, *request)
    packed = gzip.compress(body)[:-20]
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(packed))], packed)
    return False


def gzip_corrupt(self, client, *request):
    _, body = self.whole(client, *request)
    packed = bytearray(gzip.compress(body))
    packed[len(packed) // 2] ^= 0xFF
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(packed))], bytes(packed))
    return False


def gzip_wrong_sum(self, client, *request):
    _, body = self.whole(client, *request)
    packed = bytearray(gzip.compress(body))
    packed[-5] ^= 1
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(packed))], bytes(packed))
    return False


@functools.cache
def bomb():
    """A gigabyte of digits in one value, in a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b'{"dataValues":[{"dataElement":"a","value":"')
    for _ in range(1024):
        packed += packer.compress(b"0" * (1 << 20))
    return packed + packer.flush()


def gzip_bomb(self, client, method, target, headers, body):
    self.whole(client, method, target, headers, body)
    packed = bomb()
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(packed))], packed)
    return False


def latin1(self, client, *request):
    self.whole(client, *request)
    body = ('{"dataValues":[{"dataElement":"abcdefghijk","period":"202201","orgUnit":"abcdefghijk",'
            '"value":"caf\xe9"}]}').encode("latin-1")
    kind = ("Content-Type", "application/json;charset=ISO-8859-1")
    send(client, "HTTP/1.1 200 X", [kind, ("Content-Length", len(body))], body)
    return False


def redirect_loop(self, client, *request):
    send(client, "HTTP/1.1 302 Found", [("Location", self.url + request[1]), ("Content-Length", 0)])
    return True


def redirect_elsewhere(self, client, *request):
    send(client, "HTTP/1.1 307 X", [("Location", OTHER.url + "/api/dataValueSets"), ("Content-Length", 0)])
    return True


def http_1_0(self, client, *request):
    _, body = self.whole(client, *request)
    send(client, "HTTP/1.0 200 OK", [JSON], body)
    return False


def http_0_9(self, client, *request):
    _, body = self.whole(client, *request)
    client.sendall(body)
    return False


def slow_loris(self, client, *request):
    for byte in b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100000:
        client.sendall(bytes([byte]))
        time.sleep(0.3)
    return False


def endless_head(self, client, *request):
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        client.sendall(b"X-Header-%d: %s\r\n" % (number, b"a" * 1000))
    return False


def early_answer(self, client, *request):
    """Before the body of the request was read."""
    headers = [("Content-Type", "text/html"), ("Content-Length", 5), ("Connection", "close")]
    send(client, "HTTP/1.1 413 X", headers, b"large")
    time.sleep(0.2)
    return False


def hundred_continue(self, client, *request):
    head, body = self.whole(client, *request)
    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
    client.sendall(head + b"\r\n\r\n" + body)
    return True


def no_status(self, client, *request):
    client.sendall(b"HELLO\r\n\r\n")
    return False


def odd_status(self, client, *request):
    send(client, "HTTP/1.1 999 X", [JSON, ("Content-Length", 2)], b"{}")
    return False


def no_content(self, client, *request):
    self.whole(client, *request)
    send(client, "HTTP/1.1 204 X", [])
    return True


def empty_body(self, client, *request):
    self.whole(client, *request)
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", 0)])
    return True


def deep(self, client, *request):
    self.whole(client, *request)
    body = b'{"dataValues":' + b"[" * 1_000_000
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body))], body)
    return False


def not_values(self, client, *request):
    self.whole(client, *request)
    body = b'{"dataValues":{"a":[1,2]},"response":17,"status":{"x":null},"importCount":"many","conflicts":"none"}'
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body))], body)
    return True


def binary(self, client, *request):
    self.whole(client, *request)
    body = bytes(range(256)) * 1000
    send(client, "HTTP/1.1 200 X", [("Content-Type", "application/octet-stream"), ("Content-Length", len(body))], body)
    return False


def trailing(self, client, *request):
    _, body = self.whole(client, *request)
    body += b'{"dataValues":[{"dataElement":"again"}]}'
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body))], body)
    return False


def far_clock(self, client, *request):
    head, body = self.whole(client, *request)
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:"))
    client.sendall(head + b"\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT\r\nRetry-After: 99999999999\r\n\r\n" + body)
    return True


def escapes(self, client, *request):
    """A text that a terminal would obey."""
    self.whole(client, *request)
    body = json.dumps({"httpStatus": "Conflict", "httpStatusCode": 409, "status": "ERROR",
                       "message": "\x1b]0;owned\x07\x1b[2J\u202egnp.exe", "errorCode": "E\x1b[31m"}).encode()
    send(client, "HTTP/1.1 409 X", [JSON, ("Content-Length", len(body))], body)
    return True


def lies_much(self, client, *request):
    """A summary that counts what was never sent."""
    return lie(self, client, request, {"imported": 10**9, "updated": 10**9, "ignored": 0, "deleted": -7})


def lies_little(self, client, *request):
    """SUCCESS, and nothing of it was done."""
    return lie(self, client, request, {"imported": 0, "updated": 0, "ignored": 0, "deleted": 0})


def lies_overflow(self, client, *request):
    return lie(self, client, request, {"imported": 10**30, "updated": "x", "ignored": None, "deleted": 1.5})


def lie(self, client, request, counts):
    """Takes an import, does nothing of it, and answers with these counts. What else is asked gets the truth."""
    if request[0] != "POST":
        return honest(self, client, *request)
    self.read(client, request[2], request[3])
    body = json.dumps({"httpStatus": "OK", "httpStatusCode": 200, "status": "OK", "response": {
        "responseType": "ImportSummary", "status": "SUCCESS", "importCount": counts, "conflicts": [],
        "rejectedIndexes": [-1, 10**12]}}).encode()
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body))], body)
    return True


def honest(self, client, *request):
    head, body = self.whole(client, *request)
    client.sendall(head + b"\r\n\r\n" + body)
    return True


# Who must never be asked with credentials: where redirects lead.
OTHER = Hostile("http://127.0.0.1:1", closes)
ALL = (
    half_open, closes, reset, chunk_garbage, chunk_negative, length_too_long, length_too_short, two_lengths, gzip_cut,
    gzip_corrupt, gzip_wrong_sum, gzip_bomb, latin1, redirect_loop, redirect_elsewhere, http_1_0, http_0_9, slow_loris,
    endless_head, early_answer, hundred_continue, no_status, odd_status, no_content, empty_body, deep, not_values,
    binary, trailing, far_clock, escapes, lies_much, lies_little, lies_overflow)
BEHAVIOURS = {behaviour.__name__.replace("_", "-"): behaviour for behaviour in ALL}
