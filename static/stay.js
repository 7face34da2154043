"use strict";

// Warns before somebody is signed out, and asks whether to go on. How long there is left is the server's to say: another
// tab may have been busy. Asking does not lengthen it (X-Poll); pressing the button does.
const dialog = document.getElementById("stay");
if (dialog) {
  const { url, seconds, warning } = dialog.dataset;
  const wait = (left) => setTimeout(ask, Math.max(left - warning, 1) * 1000);
  const ask = async () => {
    const answer = await fetch(url, { headers: { "X-Poll": "1" } }).catch(() => null);
    const said = answer && !answer.redirected && (await answer.json().catch(() => null));
    if (said && said.seconds > Number(warning)) return wait(said.seconds);
    if (!dialog.open) dialog.showModal();
  };
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData(event.target);
    const answer = await fetch(url, { method: "POST", body }).catch(() => null);
    if (answer && answer.status === 204) {
      dialog.close();
      ask();
    } else {
      document.getElementById("stay-text").textContent =
        "You are signed out. Close this, send your form, and sign in: what you typed comes back.";
    }
  });
  wait(Number(seconds));
}
