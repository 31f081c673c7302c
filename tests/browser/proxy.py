"""A small reverse proxy that shows a server below a path, as nginx and Jupyter's proxy do."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MAX_HEAD_BYTES = 65_536


@dataclass
class Proxy:
    """A running proxy.

    Attributes
    ----------
    url : str
        With the path, without a slash at its end.
    astray : list of str
        Paths that were asked for outside the proxy's own: a page that forgets where it stands asks for such.
    """

    url: str
    astray: list[str] = field(default_factory=list)


@contextmanager
def proxying(port: int, path: str, *, strips: bool) -> Iterator[Proxy]:
    """Pass on what is asked for below a path to a port of this machine.

    Parameters
    ----------
    strips : bool
        Take the path away from what is passed on.
    """

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < MAX_HEAD_BYTES:
                if not (more := self.connection.recv(4096)):
                    return
                head += more
            head, _, rest = head.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, asked, version = first.split(" ")
            if not asked.startswith((f"{path}/", f"{path}?")) and asked != path:
                proxy.astray.append(asked)
                self.connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if strips:
                asked = asked.removeprefix(path) or "/"
            if not any(line.lower().startswith("upgrade:") for line in lines):
                lines = [line for line in lines if not line.lower().startswith("connection:")] + ["Connection: close"]
            with socket.create_connection(("127.0.0.1", port)) as server:
                passed_on = "\r\n".join([f"{method} {asked} {version}", *lines])
                server.sendall(passed_on.encode("latin-1") + b"\r\n\r\n" + rest)
                back = threading.Thread(target=_pour, args=(server, self.connection), daemon=True)
                back.start()
                _pour(self.connection, server)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Connection) as server:
        proxy = Proxy(url=f"http://127.0.0.1:{server.server_address[1]}{path}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
