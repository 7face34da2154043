"""Somebody at the other side of the council's proxy, who has nothing but HTTP."""

import http.client
import re
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import urlencode

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode(errors="replace")


class Visitor:
    """Opens pages and sends forms over TLS, as the proxy passes it on; keeps cookies as a browser does."""

    def __init__(self, port: int, host: str) -> None:
        self._port, self._host = port, host
        self.cookies: SimpleCookie = SimpleCookie()
        self._page = ""

    def ask(self, method: str, path: str, body: str = "", *, tls: bool = True) -> Answer:
        """One request."""
        headers = {"Host": self._host, "Referer": f"https://{self._host}{path}"}
        headers |= {"X-Forwarded-Proto": "https"} if tls else {}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            answered = connection.getresponse()
            for cookie in answered.headers.get_all("Set-Cookie", []):
                self.cookies.load(cookie)
            page = answered.read()
        finally:
            connection.close()
        answer = Answer(answered.status, dict(answered.headers.items()), page)
        if method == "GET":
            self._page = answer.text
        return answer

    def send(self, path: str, **fields: str) -> Answer:
        """Send the form of the page that was opened last."""
        found = TOKEN.search(self._page)
        assert found is not None, self._page[:500]
        return self.ask("POST", path, urlencode({"csrfmiddlewaretoken": found[1], **fields}))
