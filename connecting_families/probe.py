"""Is this service alive? For a container's health check: `python -m connecting_families.probe web|worker|beat`.

Without Django, so that asking costs little. Exits 0 where it is, 1 with a sentence where it is not.
"""

import http.client
import socket
import sys

import redis

from connecting_families import pulse
from connecting_families.environment import Env

PATIENCE = 5.0
"""Seconds for the site to answer."""


def web(env: Env) -> str:
    """What is wrong with the site on this machine; empty where it answers."""
    port = int((env.str("CF_BIND", default="") or "127.0.0.1:8000").rpartition(":")[2])
    host = env.str("ALLOWED_HOSTS", default="localhost").split(",")[0].removeprefix(".")
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        asked.request("GET", "/healthz", headers={"Host": host})
        status = asked.getresponse().status
    except OSError as error:
        return f"The site does not answer ({type(error).__name__})."
    finally:
        asked.close()
    return "" if status == http.HTTPStatus.OK else f"The site answers {status}."


def behind(env: Env, who: str) -> str:
    """What is wrong with the worker or the beat of this machine; empty where it gave a sign of life just now."""
    try:
        age = pulse.last_sign(env.str("REDIS_URL"), who, socket.gethostname())
    except (redis.RedisError, OSError) as error:
        return f"The broker does not answer ({type(error).__name__})."
    return f"The {who} has given no sign of life for a minute." if pulse.is_stale(age, pulse.LATE) else ""


def main() -> None:
    """Ask, and end accordingly."""
    match sys.argv[1:]:
        case ["web"]:
            wrong = web(Env())
        case ["worker" | "beat" as who]:
            wrong = behind(Env(), who)
        case _:
            wrong = "Ask for web, worker or beat."
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
