/* The console's keys, live counts and toasts. Everything here is also a link or a form:
   without this file the console works by full pages. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const POLL = 10000, UNDO_SECONDS = 10, UPCOMING = 25, PREFETCH = 8;
  const main = $("main"), card = $("#card"), rows = $(".rows"), keys = $("#keys");
  const phone = matchMedia("(max-width: 720px)");
  const stored = { get: (k) => { try { return localStorage.getItem(k); } catch { return null; } },
                   set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* private window */ } } };

  const announce = (text) => { $("#announce").textContent = ""; setTimeout(() => { $("#announce").textContent = text; }, 50); };
  const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;

  /* The list */
  const items = () => (rows ? $$("li[data-id]", rows) : []);
  const shown = () => Number($("[data-comment]", card || document)?.dataset.comment || 0);
  const rowOf = (id) => (rows ? $(`li[data-id="${id}"]`, rows) : null);
  const neighbour = (step) => {
    const all = items(), at = all.findIndex((li) => Number(li.dataset.id) === shown());
    if (at < 0) return step > 0 ? all[0] : undefined;
    return all[at + step];
  };
  const following = () => {
    const all = items(), at = all.findIndex((li) => Number(li.dataset.id) === shown());
    return all.slice(at + 1, at + 1 + UPCOMING).map((li) => li.dataset.id);
  };
  const loadMore = () => { const more = rows && $(".more a", rows); if (more && !more.classList.contains("htmx-request")) htmx.trigger(more, "more"); };

  const markRow = () => {
    const id = shown();
    if (!rows) return;
    for (const link of $$("a[aria-current]", rows)) link.removeAttribute("aria-current");
    const row = rowOf(id);
    if (row) {
      $("a", row).setAttribute("aria-current", "true");
      row.scrollIntoView({ block: "nearest" });
      if (items().length - items().indexOf(row) <= PREFETCH) loadMore();
    }
    for (const link of $$("[data-step]", card)) {
      const to = neighbour(Number(link.dataset.step));
      link.hidden = !to;
      if (to) link.href = $("a", to).href;
    }
  };
  const choose = (li) => {
    if (!li || busy) return;
    if (phone.matches) { location.href = $("a", li).href; return; }
    focusNext = true;
    htmx.trigger($("a", li), "choose");
  };

  /* Requests */
  let busy = false, failed = null, focusNext = false, lastDecision = null;
  const removed = new Map();

  const setBusy = (on) => { busy = on; card?.setAttribute("aria-busy", String(on)); };
  const say = (text, retry) => {
    const box = $(".failed", card || main) || $(".failed");
    if (!box) return;
    $("span", box).textContent = text;
    const button = $("[data-retry]", box);
    if (button) button.hidden = !retry;
    box.hidden = false;
  };

  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.detail.elt;
    if (form.matches("[data-decide]") && rows) event.detail.parameters.next = following().join(",");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id !== "card") return;
    for (const box of $$(".failed")) box.hidden = true;
    setBusy(true);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    // A conflict changes the card where it stands; only a decision slides it away.
    if (xhr.status === 409 || xhr.status === 422) event.detail.swapOverride = "innerHTML";
    if (event.detail.target?.id === "card" && event.detail.elt.matches("form")) focusNext = true;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "card") return;
    setBusy(false);
    failed = null;
    $(".card-scroll", card)?.scrollTo(0, 0);
    prepare();
    markRow();
    if (phone.matches) scrollTo(0, 0);
    if (focusNext) {
      focusNext = false;
      const picker = $("details.reject[open] textarea", card);
      (picker || $("h2", card))?.focus({ preventScroll: true });
    }
    title();
  });
  const failure = (event) => {
    const { xhr, elt } = event.detail;
    setBusy(false);
    if (!elt.matches("form")) { if (event.detail.target?.id === "card") say("This comment could not be loaded.", false); return; }
    failed = elt;
    const status = xhr?.status || 0;
    if (status === 401) {
      const box = $(".failed", card) || $(".failed");
      say("Not saved: you are signed out. ", true);
      const link = document.createElement("a");
      link.href = `/account/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
      link.target = "_blank"; link.rel = "noopener"; link.textContent = "Sign in in a new tab";
      $("span", box)?.append(link, ", then try again.");
    } else if (status === 400) say("Not saved: this page is from an earlier sign-in. Reload it; copy your note first.", false);
    else if (status === 403) say("Not saved: you may no longer do this on this site.", false);
    else if (status === 404) say("Not saved: this comment is gone.", false);
    else if (status === 429) say("Not saved: that was a little fast. Wait a moment.", true);
    else if (status === 503) say("Not saved: much is asked of the service just now. Nothing you typed is lost; try again in a moment.", true);
    else say(status ? "Not saved. Something went wrong here." : "Not saved: no connection. Nothing you typed is lost.", true);
  };
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failure);

  /* What a decision did: the list, the counts, the toast */
  const baseline = { number: null };
  const showCounts = (counts, limit = 1000) => {
    for (const [queue, number] of Object.entries(counts)) {
      for (const element of $$(`[data-count="${queue}"]`)) {
        element.dataset.number = number;
        element.textContent = number >= limit ? `${limit - 1}+` : number;
        if (element.closest(".queues") && (queue === "held" || queue === "flagged")) element.classList.toggle("due", number > 0);
      }
    }
    title();
  };
  const title = () => {
    const held = $('.list-head [data-count]');
    if (held) document.title = `(${held.textContent}) ${document.title.replace(/^\([\d+]+\) /, "")}`;
  };
  const drop = (id) => {
    const row = rowOf(id);
    if (!row) return;
    removed.set(id, { row, before: row.nextElementSibling?.dataset.id });
    row.remove();
    if (baseline.number !== null) baseline.number -= 1;
  };
  document.addEventListener("review:decided", (event) => {
    const { comment, status, gone, counts } = event.detail;
    for (const id of gone) drop(id);
    showCounts(counts);
    markRow();
    toast();
    const next = $("h2", card)?.textContent.trim() || "";
    announce(`${status === "rejected" ? "Rejected" : "Published"}. ${next ? `Next: ${next}.` : ""}`);
    lastDecision = comment;
    if (items().length === 0) loadMore();
  });
  document.addEventListener("review:undone", (event) => {
    const { comment, queued, counts } = event.detail;
    const kept = removed.get(comment);
    if (queued && kept && !rowOf(comment)) {
      const before = kept.before && rowOf(kept.before);
      if (before) before.before(kept.row); else rows?.prepend(kept.row);
      htmx.process(kept.row);
      removed.delete(comment);
      if (baseline.number !== null) baseline.number += 1;
    } else if (!queued) drop(comment);
    lastDecision = null;
    showCounts(counts);
    markRow();
    announce("Taken back.");
  });
  document.addEventListener("review:refused", (event) => {
    const { comment, status, counts } = event.detail;
    showCounts(counts);
    const row = rowOf(comment);
    if (row && main.dataset.queue !== status && !(status === "published" && main.dataset.queue !== "held")) {
      row.classList.add("settled");
      const gist = $(".gist", row) || $(".row-foot", row).insertAdjacentElement("afterbegin", Object.assign(document.createElement("span"), { className: "gist" }));
      gist.textContent = { published: "Published", rejected: "Rejected", withdrawn: "Withdrawn", held: "Waiting" }[status] || "Decided";
    }
  });

  let countdown = 0;
  const toast = () => {
    clearInterval(countdown);
    const box = $(".toast");
    if (!box) return;
    let left = UNDO_SECONDS;
    const number = $(".left", box);
    if (number) number.textContent = left;
    countdown = setInterval(() => {
      // Whoever is about to press it has all the time she wants.
      if (box.matches(":hover") || box.contains(document.activeElement)) return;
      left -= 1;
      if (number) number.textContent = left;
      if (left <= 0) { clearInterval(countdown); box.hidden = true; }
    }, 1000);
  };

  /* Live counts: a small conditional request, none while nobody looks */
  let etag = null, timer = 0, seen = "";
  const poll = async () => {
    clearTimeout(timer);
    if (document.hidden || !main?.dataset.countsUrl) return;
    const id = shown(), url = main.dataset.countsUrl + (id ? `?comment=${id}` : "");
    if (url !== seen) { etag = null; seen = url; }
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json", ...(etag && { "If-None-Match": etag }) }, cache: "no-store" });
      if (answer.status === 200) {
        etag = answer.headers.get("ETag");
        const { counts, limit, version } = await answer.json();
        showCounts(counts, limit);
        fresh(counts, limit);
        const open = $("[data-comment]", card || document);
        if (open && !busy && Number(open.dataset.comment) === id) {
          const stale = $(".stale", card);
          if (stale) stale.hidden = version === null || version === Number(open.dataset.version);
        }
      }
    } catch { /* offline: the next round tells */ }
    timer = setTimeout(poll, POLL);
  };
  const fresh = (counts, limit) => {
    const queue = main.dataset.queue, box = $(".fresh");
    if (!queue || !box || !(queue in counts)) return;
    if (baseline.number === null) baseline.number = counts[queue];
    baseline.number = Math.min(baseline.number, counts[queue]);
    const more = counts[queue] >= limit ? 0 : counts[queue] - baseline.number;
    const link = $("a", box);
    if (more > 0 && link.textContent !== `${more} new`) {
      link.textContent = `${more} new`;
      announce(plural(more, "new comment.", "new comments."));
    }
    const address = new URL(link.href);
    if (shown() && main.classList.contains("chosen") === false && items().length === 0) address.search = "";
    link.href = address.href;
    box.hidden = more <= 0;
  };
  document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else poll(); });

  /* Choosing a reason */
  const picker = () => $("details.reject[open]", card || document);
  const closePicker = () => { const open = picker(); if (open) { open.open = false; $("summary", open).focus(); } };
  const pick = (number) => {
    const radio = $$('input[name="reason"]', picker())[number - 1];
    if (radio) { radio.checked = true; radio.focus(); }
  };
  const prepare = () => {
    for (const button of $$("[data-cancel]", card || document)) button.hidden = false;
  };
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.reject") || !event.target.open) return;
    const checked = $('input[name="reason"]:checked', event.target) || $('input[name="reason"]', event.target);
    if (!event.target.contains(document.activeElement) || document.activeElement.matches("summary")) checked.focus();
  }, true);

  /* Clicks */
  document.addEventListener("click", (event) => {
    const target = event.target.closest("a, button");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey || event.button) {
      if (!event.target.closest("details.reject") && picker()) picker().open = false;
      return;
    }
    const li = target.closest(".rows li[data-id]");
    if (li && !phone.matches) { event.preventDefault(); choose(li); }
    else if (target.matches("[data-step]") && neighbour(Number(target.dataset.step)) && !phone.matches) { event.preventDefault(); choose(neighbour(Number(target.dataset.step))); }
    else if (target.matches("[data-cancel]")) closePicker();
    else if (target.matches("[data-retry]") && failed) failed.requestSubmit();
    else if (target.matches("[data-open='keys']")) keys.showModal();
    if (!target.closest("details.reject") && picker()) picker().open = false;
  });

  /* Keys */
  const keysOn = () => stored.get("review-keys") !== "off";
  const press = (selector) => { const button = $(selector, card || document); if (button && !busy) { button.click(); return true; } return false; };
  const undo = () => {
    if (busy) return;
    const box = $(".toast"), form = box && $("form", box);
    if (form && !box.hidden) form.requestSubmit();
    else if ($(".actions .undo", card || document)) $(".actions .undo", card).requestSubmit();
    else if (form && lastDecision !== null) form.requestSubmit();
    else announce("There is nothing to take back.");
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
    const open = picker();
    if (open) {
      if (event.key === "Escape") { event.preventDefault(); closePicker(); return; }
      if (event.key === "Enter" && !event.shiftKey && (event.target.matches("textarea, input") || event.target === document.body)) {
        event.preventDefault();
        if (!busy) $("form", open).requestSubmit();
        return;
      }
      if (!typing && /^[1-9]$/.test(event.key)) { event.preventDefault(); pick(Number(event.key)); return; }
      if (event.target.closest?.("details.reject") || typing) return;
    }
    if (typing || keys?.open || !keysOn()) return;
    const act = {
      j: () => choose(neighbour(1)), k: () => choose(neighbour(-1)),
      a: () => press(".actions .approve button"), r: () => press(".actions .reject > summary"),
      u: undo, "?": () => keys.showModal(),
      o: () => { const link = $(".article-link", card || document); if (link) window.open(link.href, "_blank", "noopener"); },
    }[event.key];
    if (act) { event.preventDefault(); act(); return; }
    if (/^[1-9]$/.test(event.key)) {
      const link = $(`.queues a[data-key="${event.key}"]`);
      if (link) { event.preventDefault(); link.click(); }
    }
  });

  /* Start */
  for (const button of $$("[data-open]")) button.hidden = false;
  const box = $("#keys-on");
  if (box) { box.checked = keysOn(); box.addEventListener("change", () => stored.set("review-keys", box.checked ? "on" : "off")); }
  const mine = $(".list-head [data-count]");
  if (mine) baseline.number = Number(mine.dataset.number);
  prepare();
  document.addEventListener("DOMContentLoaded", () => { // after htmx, which listens since before us
    if (card) { markRow(); title(); if ($(".toast")) toast(); }
    timer = setTimeout(poll, POLL);
    document.documentElement.dataset.ready = "true";
  });
})();
