"""A large upload streams to the disk: the site's memory stays as it was, and what is too large is kept nowhere."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from django.conf import settings
from django.test import Client

from cohorts.models import Upload
from tests.pages.conftest import Serve, SignedIn
from tests.stages.conftest import WalkTo

MEGABYTE = 1 << 20
BOUNDARY = "a-boundary-of-this-test"


def send(site: str, client: Client, megabytes: int) -> tuple[int, str]:
    """Upload families.csv of this size, piece by piece; the status, and where it leads or what is said."""
    host = urlsplit(site).netloc
    session = f"sessionid={client.cookies['sessionid'].value}"
    server = http.client.HTTPConnection(host, timeout=120)
    server.request("GET", "/files/upload/", headers={"Cookie": session})
    answer = server.getresponse()
    form = answer.read().decode()
    csrf = str(answer.getheader("Set-Cookie")).partition(";")[0]
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[-1]
    start = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="chosen"; filename="families.csv"\r\n\r\n'
    ).encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    line = b"F" * (1 << 10)

    def body() -> Iterator[bytes]:
        yield start
        for _ in range(megabytes):
            yield line * (1 << 10)
        yield end

    headers = {
        "Cookie": f"{session}; {csrf}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(start) + megabytes * MEGABYTE + len(end)),
    }
    server.request("POST", "/files/upload/", body=body(), headers=headers)
    answer = server.getresponse()
    return answer.status, answer.getheader("Location") or answer.read().decode()


def peak(site: str) -> int:
    """The most memory that any process of the site ever had, in bytes."""
    port = urlsplit(site).port
    found = [each for each in psutil.process_iter(["cmdline"]) if f"127.0.0.1:{port}" in (each.info["cmdline"] or [])]
    assert found
    lines = [line for each in found for line in Path(f"/proc/{each.pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not psutil.LINUX, reason="The peak of a process is read from /proc.")
def test_a_hundred_megabytes_come_in_with_flat_memory(walk_to: WalkTo, signed_in: SignedIn, serve_apart: Serve) -> None:
    walk_to("assemble")
    client = signed_in("prepare")
    site = serve_apart()
    assert send(site, client, 1)[0] == 302
    before = peak(site)
    status, where = send(site, client, 100)
    assert (status, where.startswith("/files/")) == (302, True)
    assert peak(site) - before < 24 * MEGABYTE
    row = Upload.objects.latest("pk")
    assert row.files[0]["bytes"] == 100 * MEGABYTE
    assert (settings.CF_UPLOADS / row.code / "families.csv").stat().st_size == 100 * MEGABYTE


def test_what_is_too_large_is_kept_nowhere_and_said(
    walk_to: WalkTo, signed_in: SignedIn, serve_apart: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_to("assemble")
    monkeypatch.setenv("CF_UPLOAD_LIMIT_MB", "3")
    client = signed_in("prepare")
    site = serve_apart()
    status, said = send(site, client, 9)
    assert status == 200
    assert "These files are larger than 3 megabytes together." in said
    assert not Upload.objects.exists()
    assert not list(settings.CF_UPLOADS.glob("*"))
