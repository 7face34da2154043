"""Axe in a tab of its own, into which a page is put as it stands in another tab, when its scripts have run.

To load axe into each page costs more than what it does there. What is put over is all that the rules ask about: what
stands in the page and its head, what was typed and chosen, what has the focus, and the width of the window. A page that
stands as one stood that was found sound is not asked about again; what protects a form against other sites is another
in each, and no rule reads it. Left out are the style sheets' own rules, which axe would load again each time, for a
rule that is off.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

SITE = "http://localhost"
STATIC = Path(__file__).parents[2] / "static"
EMPTY = '<!DOCTYPE html><title>-</title><link rel="stylesheet" href="/static/app.css">'
TOKEN = re.compile(r'(name=\\?"csrfmiddlewaretoken\\?" value=\\?")\w+')

AS_IT_STANDS = """() => {
  const attributes = element => element.getAttributeNames().map(name => [name, element.getAttribute(name)]);
  const all = [...document.body.querySelectorAll('*')];
  const typed = all.map((e, at) => [at, e.type === 'file' ? '' : e.value, e.checked])
    .filter(([at]) => all[at].matches('input, select, textarea'));
  return {
    body: document.body.innerHTML, own: attributes(document.body), html: attributes(document.documentElement),
    title: document.title, metas: [...document.head.querySelectorAll('meta')].map(e => e.outerHTML), count: all.length,
    styles: [...document.querySelectorAll('link[rel=stylesheet]')].map(e => new URL(e.href).pathname),
    typed, focus: all.indexOf(document.activeElement),
  };
}"""
FOUND = """page => {
  const say = why => { throw new Error(why) };
  if (String(page.styles) !== '/static/app.css') say(`It is drawn by ${page.styles}: teach that to examined.py.`);
  if (/http-equiv/i.test(page.metas)) say('It says something of itself that would also be done here.');
  for (const [element, given] of [[document.documentElement, page.html], [document.body, page.own]]) {
    for (const name of element.getAttributeNames()) element.removeAttribute(name);
    for (const [name, value] of given) element.setAttribute(name, value);
  }
  for (const meta of document.head.querySelectorAll('meta')) meta.remove();
  document.head.insertAdjacentHTML('afterbegin', page.metas.join(''));
  document.title = page.title;
  document.body.innerHTML = page.body;
  const all = [...document.body.querySelectorAll('*')];
  if (all.length !== page.count) say(`${page.count} elements became ${all.length}.`);
  for (const [at, value, checked] of page.typed) {
    if (all[at].type !== 'file') all[at].value = value;
    if (checked !== undefined) all[at].checked = checked;
  }
  if (page.focus >= 0) all[page.focus].focus({preventScroll: true});
  return axe.run({rules: {region: {enabled: false}}, resultTypes: ['violations'], preload: {assets: ['media']}})
    .then(found => found.violations.map(each => [each.id, each.nodes[0].html.slice(0, 300)]));
}"""


class Examined:
    """The tab, for all tests of a process."""

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context()
        self._tab, self._sound = self.context.new_page(), set[str]()
        self._tab.route("**/*", _answer)
        self._tab.goto(f"{SITE}/")
        self._tab.evaluate(Axe().axe_script)

    def violations(self, page: Page) -> list[list[str]]:
        """What axe finds wrong with a page: the rule and the first element of it."""
        stands: dict[str, Any] = page.evaluate(AS_IT_STANDS)
        size = page.viewport_size
        known = hashlib.sha256(TOKEN.sub(r"\1", json.dumps([stands, size])).encode()).hexdigest()
        if known in self._sound:
            return []
        if size is not None and size != self._tab.viewport_size:
            self._tab.set_viewport_size(size)
        found: list[list[str]] = self._tab.evaluate(FOUND, stands)
        if not found:
            self._sound.add(known)
        return found


def _answer(route: Route) -> None:
    """The style sheet; of images one that shows nothing."""
    address = route.request.url
    if route.request.is_navigation_request():
        route.fulfill(body=EMPTY, content_type="text/html; charset=utf-8")
    elif address == f"{SITE}/static/app.css":
        route.fulfill(body=(STATIC / "app.css").read_bytes(), content_type="text/css")
    elif route.request.resource_type == "image":
        route.fulfill(body='<svg xmlns="http://www.w3.org/2000/svg"/>', content_type="image/svg+xml")
    else:
        route.abort()
