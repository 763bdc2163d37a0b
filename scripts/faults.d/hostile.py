"""A server between d2 and the stand-in that goes wrong below the level of the Web API: what no well-kept program would send."""

import functools
import gzip
import json
import socket
import ssl
import struct
import threading
import time
import urllib.request
import zlib


class Hostile:
    """Hands requests on to a server, but for those whose path begins with `path`: they get the behaviour."""

    def __init__(self, upstream, behaviour, path="/api/dataValueSets", context=None):
        self.upstream = upstream
        self.behaviour = behaviour
        self.path = path
        self.context = context
        self.authorizations = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self.closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.closed = True
        self.listener.close()

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            while self.exchange(client):
                pass
        except (OSError, ValueError, ssl.SSLError):
            pass
        finally:
            try:
                client.close()
            except OSError:
                pass

    def exchange(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return False
            head += piece
        head, body = head.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        if target.startswith(self.path):
            self.authorizations.append(headers.get("authorization"))
            return BEHAVIOURS[self.behaviour](self, client, method, target, headers, body)
        while len(body) < int(headers.get("content-length", 0)):
            body += client.recv(65536)
        answer = self.ask(method, target, headers, body)
        client.sendall(answer)
        return True

    def ask(self, method, target, headers, body):
        """The upstream's answer, framed with its length."""
        kept = {name: value for name, value in headers.items() if name not in ("host", "connection", "accept-encoding", "content-length")}
        request = urllib.request.Request(self.upstream + target, data=body if method == "POST" else None, headers=kept, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return frame(answer.status, answer.headers.items(), answer.read())
        except urllib.error.HTTPError as answer:
            return frame(answer.code, answer.headers.items(), answer.read())

    def whole(self, client, method, target, headers, body):
        """Head and body of the true answer."""
        while len(body) < int(headers.get("content-length", 0)):
            body += client.recv(65536)
        head, content = self.ask(method, target.replace("compression=gzip", "compression=none"), headers, body).split(b"\r\n\r\n", 1)
        return head, content


def frame(status, headers, body):
    out = f"HTTP/1.1 {status} X\r\n"
    for name, value in headers:
        if name.lower() not in ("transfer-encoding", "content-length", "connection"):
            out += f"{name}: {value}\r\n"
    return (out + f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body


def send(client, status_line, headers, body=b"", slowly=0):
    client.sendall((status_line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode("latin-1"))
    client.sendall(body)


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
    send(client, "HTTP/1.1 200 X", [JSON, ("Transfer-Encoding", "chunked")], b"%x\r\n" % 500 + body[:500] + b"\r\nZZZ\r\n" + body[500:])
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
    body = '{"dataValues":[{"dataElement":"abcdefghijk","period":"202201","orgUnit":"abcdefghijk","value":"caf\xe9"}]}'.encode("latin-1")
    send(client, "HTTP/1.1 200 X", [("Content-Type", "application/json;charset=ISO-8859-1"), ("Content-Length", len(body))], body)
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
    send(client, "HTTP/1.1 413 X", [("Content-Type", "text/html"), ("Content-Length", 5), ("Connection", "close")], b"large")
    time.sleep(0.2)
    return False


def hundred_continue(self, client, *request):
    head, body = self.whole(client, *request)
    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + head + b"\r\n\r\n" + body)
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
    body = json.dumps({"httpStatus": "Conflict", "httpStatusCode": 409, "status": "ERROR", "message": "\x1b]0;owned\x07\x1b[2J\u202egnp.exe", "errorCode": "E\x1b[31m"}).encode()
    send(client, "HTTP/1.1 409 X", [JSON, ("Content-Length", len(body))], body)
    return True


def lies_much(self, client, *request):
    """A summary that counts what was never sent."""
    if request[0] != "POST":
        head, body = self.whole(client, *request)
        client.sendall(head + b"\r\n\r\n" + body)
        return True
    self.read(client, request)
    return lie(client, {"imported": 10**9, "updated": 10**9, "ignored": 0, "deleted": -7})


def lies_little(self, client, *request):
    """SUCCESS, and nothing of it was done."""
    if request[0] != "POST":
        head, body = self.whole(client, *request)
        client.sendall(head + b"\r\n\r\n" + body)
        return True
    self.read(client, request)
    return lie(client, {"imported": 0, "updated": 0, "ignored": 0, "deleted": 0})


def lies_overflow(self, client, *request):
    if request[0] != "POST":
        head, body = self.whole(client, *request)
        client.sendall(head + b"\r\n\r\n" + body)
        return True
    self.read(client, request)
    return lie(client, {"imported": 10**30, "updated": "x", "ignored": None, "deleted": 1.5})


def read(self, client, request):
    body = request[3]
    while len(body) < int(request[2].get("content-length", 0)):
        body += client.recv(65536)


Hostile.read = read


def lie(client, counts):
    body = json.dumps({"httpStatus": "OK", "httpStatusCode": 200, "status": "OK", "response": {
        "responseType": "ImportSummary", "status": "SUCCESS", "importCount": counts, "conflicts": [], "rejectedIndexes": [-1, 10**12]}}).encode()
    send(client, "HTTP/1.1 200 X", [JSON, ("Content-Length", len(body))], body)
    return True


def honest(self, client, *request):
    head, body = self.whole(client, *request)
    client.sendall(head + b"\r\n\r\n" + body)
    return True


BEHAVIOURS = {name.replace("_", "-"): function for name, function in list(globals().items())
              if callable(function) and name not in ("Hostile", "frame", "send", "read", "lie") and not name.startswith("_")
              and getattr(function, "__module__", "") == __name__}
# Who must never be asked with credentials: where redirects lead.
OTHER = Hostile("http://127.0.0.1:1", "closes")
