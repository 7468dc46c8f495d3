/* Signing in by a window of our own, and by the publisher's token; loaded by whoever opens a form or a page that sends tokens. */
(() => {
  "use strict";
  const { $, ask, say, complain, parse, page, data, loadMe, mainEditor } = document.documentElement.desk;
  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  /** Show who is here now; the text that was being written has the focus again. */
  const arrived = async (found) => {
    const form = $("#account"), before = form?.previousElementSibling;
    form?.remove();
    await loadMe();
    if (form) (before?.matches(".editor") ? before : mainEditor)?.elements.body.focus();
    say(found.say);
  };

  // ---- A window of our own: there the browser knows its own cookies, passkeys and providers
  let waiting;
  const open = async (link) => {
    const secret = base64(crypto.getRandomValues(new Uint8Array(32)));
    // Opened in the very press, or it is taken for an advertisement; where it leads is known a moment later.
    const child = window.open("about:blank", "commentsvc-sign-in", "popup,width=520,height=720");
    if (!child) return window.open(link.href, "_blank"); // blocked: the plain way, in a tab
    const challenge = base64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
    const query = new URLSearchParams({ article: data.article, challenge, provider: link.dataset.popup });
    waiting = { secret, child, link };
    child.location = `${data.root}/account/hand-over?${query}`;
    child.focus();
  };
  addEventListener("message", async ({ origin, source, data: message }) => {
    if (!waiting || origin !== location.origin || source !== waiting.child || message?.commentsvc !== "signed-in") return;
    const { secret, link } = waiting;
    waiting = null;
    const found = await ask(`${page}/hand-over`, new URLSearchParams({ code: message.code, secret }));
    if (found.error) return complain(link.closest("form") || link, found.error);
    arrived(found);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-popup]");
    if (!link || !crypto.subtle || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(link);
  });

  // ---- The publisher's token: "" says that nobody is signed in there any more
  let last;
  document.documentElement.desk.signOn = async (token) => {
    if (token === last) return;
    last = token;
    const found = await ask(`${page}/sso`, new URLSearchParams({ token }));
    if (found.error) return complain($(".head"), found.error);
    if (found.html) { // a second factor is asked for
      $("#account")?.remove();
      $("#account-slot").after(parse(found.html));
    } else if (found.say) arrived(found);
  };
})();
