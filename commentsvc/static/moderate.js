/* For community managers alone: what they can do, beside each comment of the thread. widget.js loads it. */
(() => {
  "use strict";
  const { ask, say, complain, below, closePanel, count, api, parse, words } = document.documentElement.desk;
  const $ = (query, el = document) => el.querySelector(query);
  const make = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });
  const UNDO = 10000; // as long as in the console

  const equip = () => {
    for (const acts of document.querySelectorAll(".c:not(.own) > .acts")) {
      if ($(".moderate", acts)) continue;
      const button = make("button", words.moderate, "act moderate");
      button.type = "button";
      $(".menu", acts).before(button);
    }
  };
  new MutationObserver(equip).observe($("#conversation"), { childList: true, subtree: true });
  equip();

  const open = async (comment, button) => {
    const there = $(':scope > [data-for="moderate"]', comment);
    closePanel();
    if (there) { there.remove(); return; }
    const found = await ask(`${api}/comments/${comment.dataset.id}/moderation`);
    if (found.error) return complain(below(comment), found.error, () => open(comment, button));
    complain(below(comment));
    const form = parse(found.html).firstElementChild;
    below(comment).after(form);
    $("button", form).focus();
  };

  const send = async (form, action) => {
    const comment = form.closest(".c"), sent = new FormData(form);
    sent.set("action", action);
    if (action === "reject" && !sent.get("reason")) {
      complain(form, { message: words.reason });
      return $("input[name=reason]", form).focus();
    }
    const now = await ask(form.getAttribute("action"), sent);
    if (now.error) return complain(form, now.error, () => send(form, action));
    form.remove();
    if (action === "pin") for (const mark of document.querySelectorAll(".c > .mark")) { if (mark.dataset.pinned !== undefined) mark.remove(); }
    settle(comment, now);
  };

  const settle = (comment, now) => {
    const kept = now.public ? null : [...comment.childNodes].filter((node) => !node.matches?.(".replies"));
    if (kept) { // readers see the same once they load the page, or nothing where nobody answered
      for (const node of kept) node.remove();
      comment.prepend(make("p", words.removed, "gone"));
    } else {
      $(":scope > .mark", comment)?.remove();
      if (now.mark) {
        const mark = make("p", "", "mark");
        if (now.pinned) mark.dataset.pinned = "";
        mark.append(make("span", now.mark, "badge"));
        comment.prepend(mark);
      }
    }
    count(now.count);
    $(":scope > .told", comment)?.remove();
    const told = make("p", `${now.message} `, "told");
    ($(":scope > .acts, :scope > .gone", comment)).after(told);
    if (now.undo) {
      const button = make("button", words.undo, "button");
      button.type = "button";
      button.onclick = () => undo(comment, now, kept, told);
      told.append(button);
      const end = () => { if (told.matches(":hover, :focus-within")) setTimeout(end, 1000); else button.remove(); };
      setTimeout(end, UNDO);
    }
    ($("button", told) || comment).focus({ preventScroll: true });
    say(now.message);
  };

  const undo = async (comment, before, kept, told) => {
    const now = await ask(`${api}/decisions/${before.undo}/undo`, new URLSearchParams());
    if (now.error) return complain(told, now.error);
    told.remove();
    if (kept) { $(":scope > .gone", comment).remove(); comment.prepend(...kept); }
    settle(comment, now);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".moderate");
    if (button) open(button.closest(".c"), button);
  });
  document.addEventListener("submit", async (event) => {
    if (event.target.dataset.for !== "moderate") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const form = event.target;
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    await send(form, event.submitter?.value || "keep");
    delete form.dataset.busy;
  }, true);
})();
