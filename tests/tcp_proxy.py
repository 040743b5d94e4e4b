"""A TCP proxy between the service and a server, which can fall silent, as a network does without telling any socket."""

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 65536


class TcpProxy:
    """Listens on a free port of the loopback and forwards to `target`, an address or the path of a Unix socket; a
    context manager."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self._servers: list[socket.socket] = []
        self._speaking = _set_event()
        self._admitting = True
        self._abandoned: list[threading.Event] = []
        self._abandoned_servers: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._speaking, *self._abandoned):
            each.set()
        self._listener.close()
        self.cut()

    def fall_silent(self) -> None:
        """Hold every byte back. Connections stay open, and new ones are accepted: both ends see a peer that waits."""
        self._speaking.clear()

    def speak(self) -> None:
        """Forward again, beginning with what was held back."""
        self._speaking.set()

    def refuse(self) -> None:
        """Close every connection, and from now on every new one at once."""
        self._admitting = False
        self.cut()

    def admit(self) -> None:
        """Let new ones in again."""
        self._admitting = True

    def abandon(self) -> None:
        """Hold back every byte of the connections that there are, for ever: both ends believe in them, as when a
        firewall has forgotten them. New ones work."""
        self._speaking.clear()
        self._abandoned.append(self._speaking)
        self._abandoned_servers, self._servers = self._servers, []
        self._speaking = _set_event()

    def end_abandoned_at_server(self) -> None:
        """Close the server's side of them, as its keepalives do in the end. The clients go on believing in theirs."""
        _close(self._abandoned_servers)

    def cut(self) -> None:
        """Close every connection. What was held back is lost."""
        held, self._clients, self._servers = self._clients + self._servers, [], []
        _close(held + self._abandoned_servers)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._admitting:
                    self._connect(client)
                else:
                    client.close()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = _connect(self._target)
        except OSError:
            client.close()
            return
        self._clients.append(client)
        self._servers.append(server)
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._forward, args=(source, sink, self._speaking), daemon=True).start()

    @staticmethod
    def _forward(source: socket.socket, sink: socket.socket, speaking: threading.Event) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                speaking.wait()
                sink.sendall(chunk)
        speaking.wait()  # the end of one side is news for the other as well
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def proxy_to(url: str) -> TcpProxy:
    """Return a proxy to the broker at `url`."""
    return TcpProxy(("127.0.0.1", urlsplit(url).port or 0))


def through(proxy: TcpProxy, url: str) -> str:
    """Return `url` as it is for who goes through `proxy`."""
    credentials = urlsplit(url).netloc.rpartition("@")[0]
    return urlsplit(url)._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}").geturl()


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def _connect(target: tuple[str, int] | str) -> socket.socket:
    if not isinstance(target, str):
        return socket.create_connection(target)
    server = socket.socket(socket.AF_UNIX)
    server.connect(target)
    return server
