"use strict";

// Keeps a part of the page that is still changing up to date: asks for it again until it no longer says where to ask.
// Without a script the page reloads itself instead. The header lets the server tell this from a person's click.
async function follow(part) {
  const answer = await fetch(part.dataset.pollUrl, { headers: { "X-Poll": "1" } }).catch(() => null);
  if (answer) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(part.id);
    if (!fresh) return location.reload();
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    if (!fresh.dataset.pollUrl) return part.setAttribute("aria-busy", "false");
  }
  setTimeout(follow, 2000, part);
}

for (const part of document.querySelectorAll("[data-poll-url]")) setTimeout(follow, 2000, part);
