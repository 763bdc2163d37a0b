"""A server between d2 and the stand-in that goes wrong below the level of the Web API."""

import socket
import ssl
import threading
import urllib.error
import urllib.request


class Hostile:
    """Hands requests on to a server, but for those whose path begins with `path`: they get the behaviour.

    A behaviour (behaviours.py) answers on the connection, and returns whether that goes on.
    """

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
            return self.behaviour(self, client, method, target, headers, body)
        answer = self.ask(method, target, headers, self.read(client, headers, body))
        client.sendall(answer)
        return True

    @staticmethod
    def read(client, headers, body):
        """The body of a request, of which some has come already."""
        while len(body) < int(headers.get("content-length", 0)):
            piece = client.recv(65536)
            if not piece:
                raise ValueError("the request was cut off")
            body += piece
        return body

    def ask(self, method, target, headers, body):
        """The upstream's answer, framed with its length."""
        ours = ("host", "connection", "accept-encoding", "content-length")
        kept = {name: value for name, value in headers.items() if name not in ours}
        data = body if method == "POST" else None
        request = urllib.request.Request(self.upstream + target, data=data, headers=kept, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return frame(answer.status, answer.headers.items(), answer.read())
        except urllib.error.HTTPError as answer:
            return frame(answer.code, answer.headers.items(), answer.read())

    def whole(self, client, method, target, headers, body):
        """Head and body of the true answer."""
        body = self.read(client, headers, body)
        answer = self.ask(method, target.replace("compression=gzip", "compression=none"), headers, body)
        head, content = answer.split(b"\r\n\r\n", 1)
        return head, content


def frame(status, headers, body):
    out = f"HTTP/1.1 {status} X\r\n"
    for name, value in headers:
        if name.lower() not in ("transfer-encoding", "content-length", "connection"):
            out += f"{name}: {value}\r\n"
    return (out + f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body


def send(client, status_line, headers, body=b""):
    head = status_line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    client.sendall(head.encode("latin-1"))
    client.sendall(body)
