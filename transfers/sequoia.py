"""A process of its own that seals with OpenPGP, piece by piece: it reads content, and writes what is sealed.

pysequoia seals from a file into a file, and lets nobody else run in its process meanwhile; here both files are pipes.
Keys come on standard input before the content, never as an argument or in the environment. It is started by path
(transfers.openpgp) and knows nothing of the site.
"""

import json
import os
import resource
import sys

from pysequoia import Cert, Tsk, encrypt_file

LENGTH = 8
"""Bytes in which the length of what is asked stands, before it; the content follows."""


def main() -> None:
    """Seal standard input to standard output. Ends with 1 where that cannot be done: what came out is no message."""
    # Content passes through here: it must not lie in a file after a crash.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.loads(_read(int.from_bytes(_read(LENGTH))))
    encrypt_file(
        "/dev/fd/0",
        "/dev/fd/1",
        recipients=[Cert.from_bytes(text.encode()) for text in asked["recipients"]],
        signer=Tsk.from_bytes(asked["key"].encode()).signer(asked["passphrase"]),
        armor=False,
    )


def _read(size: int) -> bytes:
    """So many bytes and none more: the content behind them is not ours to read."""
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            raise EOFError("Nobody asks any more.")
        data += piece
    return data


if __name__ == "__main__":
    try:
        main()
    except Exception:  # noqa: BLE001 - whatever it is, its words may hold content
        sys.exit(1)
