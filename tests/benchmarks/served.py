"""Servers of the benchmarks: a free port, and waiting until somebody answers on it."""

import socket
import time

PATIENCE = 60.0
"""Seconds for a server to start."""


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def until_it_answers(port: int) -> None:
    """Wait for a server. Raises TimeoutError where none comes."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("The server did not start.")
