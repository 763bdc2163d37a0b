"""A door before a server, that can be shut: then nobody is there."""

import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)


class Gate:
    def __init__(self, url):
        self.upstream = ("127.0.0.1", int(url.rpartition(":")[2]))
        self.connections = set()
        self.lock = threading.Lock()
        self.port = 0
        self.open()
        self.url = f"http://127.0.0.1:{self.port}"

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def shut(self):
        """Refuses connections, and ends those that there are with RST."""
        # Else the thread that waits in accept() would keep the socket, and the port.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                try:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self.upstream)
            except OSError:
                return
            with self.lock:
                self.connections |= {client, server}
            ends = [threading.Thread(target=self.carry, args=pair, daemon=True)
                    for pair in ((client, server), (server, client))]
            for end in ends:
                end.start()
            threading.Thread(target=self.finish, args=(ends, client, server), daemon=True).start()

    def finish(self, ends, *sockets):
        for end in ends:
            end.join()
        with self.lock:
            self.connections -= set(sockets)
        for connection in sockets:
            connection.close()

    @staticmethod
    def carry(read, write):
        try:
            while piece := read.recv(65536):
                write.sendall(piece)
        except OSError:
            # The server's RST becomes one of the client's.
            try:
                write.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            except OSError:
                pass
        try:
            write.shutdown(socket.SHUT_WR)
        except OSError:
            pass
