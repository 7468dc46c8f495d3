/* The console's keys, live counts and toasts. Everything here is also a link or a form:
   without this file the console works by full pages. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const POLL = 5000, UNDO_SECONDS = 10, UPCOMING = 25, PREFETCH = 8, AHEAD = 2, CLAIM = 45000;
  const main = $("main"), card = $("#card"), rows = $(".rows"), keys = $("#keys");
  const phone = matchMedia("(max-width: 720px)");
  const stored = { get: (k) => { try { return localStorage.getItem(k); } catch { return null; } },
                   set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* private window */ } } };

  const announce = (text) => { $("#announce").textContent = ""; setTimeout(() => { $("#announce").textContent = text; }, 50); };
  const make = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });
  // Texts are English here; what the page's language has for them comes with the page (review/script_words.py).
  const words = JSON.parse($("#script-words")?.textContent || "{}"), rule = new Intl.PluralRules(document.documentElement.lang || "en");
  const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
  const t = (text, values = {}) => fill(words[text] || text, values);
  const tn = (n, one, many, values = {}) => fill(words[one]?.[rule.select(n)] || words[one]?.other || (n === 1 ? one : many), { num: n, ...values });

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
    return all.slice(at + 1).filter((li) => !li.classList.contains("settled")).slice(0, UPCOMING).map((li) => li.dataset.id);
  };
  /** The next comment that waits for a decision, from the top again where the list ends; none where more must be loaded. */
  const nextOf = (li, without = []) => {
    const all = items(), at = all.indexOf(li), due = (one) => one !== li && !one.classList.contains("settled") && !without.includes(Number(one.dataset.id));
    return all.slice(at + 1).find(due) || ($(".more", rows) ? undefined : all.find(due));
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
  /* The card. The next ones are fetched before they are wanted, so that a decision shows the next at once. */
  let busy = false, failed = null, focusNext = false, lastDecision = null, opening = 0;
  const removed = new Map(), fetched = new Map();
  const FRESH = 45000; // what was fetched longer ago is fetched again
  const asFragment = { "HX-Request": "true" };
  const setBusy = (on) => { busy = on; card?.setAttribute("aria-busy", String(on)); };
  const fetchCard = (li) => {
    const id = li.dataset.id, kept = fetched.get(id);
    if (kept && Date.now() - kept.at < FRESH) return kept.html;
    const html = fetch($("a", li).href, { headers: asFragment, cache: "no-store" }).then((answer) => {
      if (answer.headers.get("HX-Redirect")) throw new Error("signed out");
      if (!answer.ok) throw new Error(answer.status);
      return answer.text();
    });
    fetched.set(id, { html, at: Date.now() });
    html.catch(() => fetched.delete(id));
    if (fetched.size > 8) fetched.delete(fetched.keys().next().value);
    return html;
  };
  const prefetch = () => {
    let li = rowOf(shown());
    for (let n = 0; li && n < AHEAD; n += 1) { li = nextOf(li); if (li) fetchCard(li).catch(() => {}); }
  };
  const show = (html) => {
    if (typeof html === "string") card.innerHTML = html; // rendered and escaped by our server
    else card.replaceChildren(...html);
    htmx.process(card);
    arrived();
  };
  const arrived = () => {
    setBusy(false);
    failed = null;
    $(".card-scroll", card)?.scrollTo(0, 0);
    prepare();
    markRow();
    const open = $("[data-comment]", card), tick = open && $('input[name="item"]', rowOf(open.dataset.comment) || document.createElement("i"));
    if (tick) tick.value = `${open.dataset.comment}:${open.dataset.version}`;
    if (phone.matches) scrollTo(0, 0);
    if (focusNext) {
      focusNext = false;
      ($("details.reject[open] textarea", card) || $("h2", card))?.focus({ preventScroll: true });
    }
    title();
    claimSoon();
    setTimeout(prefetch, 150);
  };
  const open = async (li) => {
    const turn = (opening += 1);
    setBusy(true);
    try {
      const html = await fetchCard(li);
      if (turn !== opening) return;
      history.replaceState(null, "", $("a", li).href);
      show(html);
    } catch {
      if (turn !== opening) return;
      setBusy(false);
      unloaded(li);
    }
  };
  const unloaded = (li) => {
    const box = make("div", "", "nothing"), button = make("button", t("Try again"), "button");
    const heading = make("h2", t("This comment could not be loaded"));
    heading.tabIndex = -1;
    button.type = "button";
    button.onclick = () => open(li);
    addEventListener("online", () => { if (box.isConnected) open(li); }, { once: true });
    box.append(heading, make("p", t("There is no connection at the moment. What you decided is kept and sent as soon as there is one."), "quiet"), button);
    card.replaceChildren(box);
  };
  const choose = (li) => {
    if (!li || (busy && !jobs.length)) return;
    if (phone.matches) { location.href = $("a", li).href; return; }
    focusNext = true;
    open(li);
  };
  const say = (text, retry) => {
    const box = $(".failed", card || main) || $(".failed");
    if (!box) return;
    $("span", box).textContent = text;
    const button = $("[data-retry]", box);
    if (button) button.hidden = !retry;
    box.hidden = false;
  };

  /* Deciding: sent in the background, one after the other, again and again where there is no answer. */
  const jobs = [], WAITS = [1, 2, 4, 8, 15, 15, 15]; // seconds; a minute in all
  let sending = false, wake = null;
  const typing = () => $$("textarea", card || document).some((area) => area.value !== area.defaultValue);
  const labelOf = (form) => $('input[name="reason"]:checked', form)?.closest("label").lastChild.textContent.trim();
  const decide = (form) => {
    const id = shown(), li = rowOf(id), next = li && nextOf(li), reason = labelOf(form);
    const body = new URLSearchParams(new FormData(form));
    body.set("next", following().join(","));
    const job = { id, url: form.action, body, card: [...card.childNodes], href: location.href, tries: 0,
      name: $("h2 .name", card).textContent, said: reason ? t("Rejected: %(reason)s.", { reason }) : t("Published.") };
    for (const box of $$(".failed")) box.hidden = true;
    jobs.push(job);
    lastDecision = id;
    focusNext = true;
    if (next) {
      drop(id);
      count(-1);
      pendingToast(job);
      open(next).then(() => announce(`${job.said} ${t("Next: %(name)s.", { name: $("h2", card)?.textContent.trim() || "" })}`));
    } else setBusy(true);
    pump();
  };
  const pump = async () => {
    if (sending) return;
    sending = true;
    while (jobs.length) {
      const job = jobs[0], answer = await send(job);
      if (jobs[0] !== job) continue; // taken back before it was sent
      if (answer.wait !== undefined) {
        job.tries += 1;
        if (job.tries > WAITS.length) break;
        paintSending(true);
        await new Promise((go) => { wake = go; setTimeout(go, 1000 * (answer.wait || WAITS[job.tries - 1])); });
        continue;
      }
      jobs.shift();
      if (answer.status === 200) succeeded(job, answer.data);
      else bringBack(job, answer);
    }
    sending = false;
    paintSending(false);
  };
  const send = async (job) => {
    try {
      job.flying = true;
      const answer = await fetch(job.url, {
        method: "POST", body: job.body, signal: AbortSignal.timeout(15000),
        headers: { "X-Sent": "background", Accept: "application/json", ...(job.tries && { "X-Again": "1" }) },
      });
      if (answer.status === 400 && !job.fresh) { // signed in anew since: once more with today's token
        job.fresh = true;
        const token = await freshToken();
        if (token) { job.body.set("csrf_token", token); return send(job); }
      }
      if (answer.status === 429 || answer.status >= 500) return { wait: Math.min(Number(answer.headers.get("Retry-After")) || 0, 30) };
      const json = (answer.headers.get("Content-Type") || "").includes("json");
      return { status: answer.status, data: json ? await answer.json() : {} };
    } catch { return { wait: 0 }; } finally { job.flying = false; }
  };
  const freshToken = async () => {
    const answer = await fetch(location.href, { cache: "no-store" });
    const token = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector('main [name="csrf_token"]')?.value;
    if (token) { main.dataset.token = token; for (const field of $$('[name="csrf_token"]')) field.value = token; }
    return token;
  };
  const paintSending = (trying) => {
    const box = $(".sending"), n = jobs.length;
    if (!box || (n === 0 && box.dataset.told)) return; // that says which decision was refused
    box.hidden = n === 0;
    $("span", box).textContent = n ? [
      n === 1 ? t("Not saved yet: your decision on %(name)s’s comment.", jobs[0]) : tn(n, "Not saved yet: %(num)s decision.", "Not saved yet: %(num)s decisions."),
      trying ? t("Trying again by itself; nothing is lost while this page is open.") : t("There was no answer for a minute."),
    ].join(" ") : "";
    $("[data-resend]", box).hidden = trying;
  };
  const resend = () => { for (const job of jobs) job.tries = Math.min(job.tries, 1); wake?.(); pump(); };
  addEventListener("online", resend);
  addEventListener("beforeunload", (event) => { if (jobs.length) event.preventDefault(); });

  const succeeded = (job, data) => {
    fetched.delete(String(job.id));
    const { comment, status, gone, counts } = data;
    for (const id of gone) drop(id);
    showCounts(counts, undefined, true);
    if (lastDecision === null || lastDecision === job.id) {
      lastDecision = job.id;
      if (data.toast) { put(data.toast); toast(!busy); }
    }
    if (shown() === comment || !shown()) {
      if (data.card) { show(data.card); history.replaceState(null, "", address()); } else if (rows && !nextOf(null)) location.reload();
      announce(`${status === "rejected" ? t("Rejected.") : t("Published.")} ${$("h2", card)?.textContent.trim() || ""}`);
    } else if (gone.includes(shown()) && !typing() && !picker()) {
      const next = nextOf(null); // a colleague was quicker with the one that followed
      if (next) open(next);
    }
    markRow();
    if (job.undo) undo();
    if (items().length === 0) loadMore();
  };
  const address = () => { const id = shown(), url = new URL(location.href); if (id) url.searchParams.set("comment", id); else url.searchParams.delete("comment"); return url.href; };
  const WHY = {
    400: t("Not saved: this page is from an earlier sign-in. Reload it; copy your note first."),
    403: t("Not saved: you may no longer do this on this site."), 404: t("Not saved: this comment is gone."),
  };
  /** Show the card of a decision that was refused again, with why; not under the hands of somebody who types. */
  const bringBack = (job, { status, data }) => {
    restore(job.id);
    fetched.delete(String(job.id));
    if (lastDecision === job.id) { lastDecision = null; const box = $(".toast"); if (box) box.hidden = true; }
    if (data.counts) showCounts(data.counts, undefined, true);
    const back = () => {
      opening += 1;
      focusNext = true;
      history.replaceState(null, "", job.href);
      show(data.card || job.card);
      if (data.comment) settleIfGone(data.comment, data.status, data.message);
      if (status === 401) {
        say(`${t("Not saved: you are signed out.")} `, true);
        const link = make("a", t("Sign in in a new tab, then try again."));
        Object.assign(link, { href: `/account/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`, target: "_blank", rel: "noopener" });
        $(".failed span", card)?.append(link);
        failed = $(`form[action="${new URL(job.url, location.href).pathname}"]`, card);
      } else if (!data.card) say(WHY[status] || t("Not saved. Something went wrong here."), false);
    };
    if (shown() === job.id || !(typing() || picker())) back();
    else {
      const box = $(".sending"), button = make("button", t("Show it"), "button");
      button.type = "button";
      button.onclick = () => { box.hidden = true; delete box.dataset.told; button.remove(); back(); };
      box.dataset.told = "1";
      $("span", box).textContent = `${t("%(name)s’s comment was not decided.", job)} ${data.message || ""}`;
      $("[data-resend]", box).hidden = true;
      box.append(button);
      box.hidden = false;
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target, stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (form.matches("[data-decide]:not(.undo)") && rows && rowOf(shown())) { stop(); if (!busy) decide(form); }
    else if (form.matches("[data-skip]")) { stop(); skip(form); }
    else if (form.matches("[data-blur]")) { stop(); blur(form); }
    else if (form.matches("#bulk")) { stop(); confirmBulk(event.submitter?.value || "approve"); }
    else if (form.matches(".bulk-confirm") && form.closest("dialog")) { stop(); sendBulk(form); }
    else if (form.matches("[data-undo-bulk]")) { stop(); undoBulk(form); }
  }, true);

  /* What htmx still does: undo, marks, notes, and deciding on a comment by itself */
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
    const { xhr, target, requestConfig: { elt } } = event.detail;
    // A conflict changes the card where it stands; only a decision slides it away.
    if (target?.id === "card" && (xhr.status === 409 || xhr.status === 422)) event.detail.swapOverride = "innerHTML";
    if (target?.id === "card" && elt.matches("form")) focusNext = true;
    if (elt.matches("[data-ask]") && xhr.status === 422) {
      event.detail.shouldSwap = false;
      $(".error", elt)?.remove();
      const told = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("#talk .error");
      const error = make("p", told?.textContent || t("This could not be asked."), "error");
      error.setAttribute("role", "alert");
      $(".picker-end", elt).before(error);
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target, requestConfig: { elt } } = event.detail;
    if (target?.id === "talk") {
      if (elt.matches("[data-ask]")) { elt.reset(); $(".error", elt)?.remove(); closePicker(); }
      const error = $('#talk [aria-invalid="true"]');
      if (error) error.focus();
    }
    if (target?.id === "card") arrived();
  });
  document.addEventListener("review:said", (event) => announce(event.detail.say));
  const failure = (event) => {
    const { xhr, elt, target } = event.detail;
    setBusy(false);
    if (!elt.matches("form")) { if (target?.id === "card") say(t("This comment could not be loaded."), false); return; }
    failed = elt;
    const status = xhr?.status || 0;
    if (status === 401) {
      say(`${t("Not saved: you are signed out.")} `, true);
      const link = make("a", t("Sign in in a new tab, then try again."));
      Object.assign(link, { href: `/account/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`, target: "_blank", rel: "noopener" });
      $(".failed span", card)?.append(link);
    } else if (WHY[status]) say(WHY[status], false);
    else if (status === 429) say(t("Not saved: that was a little fast. Wait a moment."), true);
    else if (status === 503) say(t("Not saved: much is asked of the service just now. Nothing you typed is lost; try again in a moment."), true);
    else say(status ? t("Not saved. Something went wrong here.") : t("Not saved: no connection. Nothing you typed is lost."), true);
  };
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failure);

  /* Skipping and blurring */
  const post = (url, fields, headers = {}) => fetch(url, { method: "POST", body: new URLSearchParams({ csrf_token: main.dataset.token, ...fields }), headers });
  const skip = async (form) => {
    const id = shown(), li = rowOf(id), next = li && nextOf(li);
    if (!next) { announce(t("There is nothing else in this queue.")); say(t("There is nothing else in this queue."), false); return; }
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: asFragment });
      if (!answer.ok) throw new Error(answer.status);
    } catch { say(t("Not skipped: no connection."), false); return; }
    const more = $(".more", rows);
    if (more) li.remove(); else rows.append(li); // with more pages, its end is on the last
    focusNext = true;
    await open(next);
    announce(`${t("Skipped.")} ${t("Next: %(name)s.", { name: $("h2", card)?.textContent.trim() || "" })}`);
  };
  const blur = async (form) => {
    const on = document.body.classList.toggle("blurred");
    for (const mark of $$(".said > .text mark")) { if (on) mark.tabIndex = 0; else mark.removeAttribute("tabindex"); }
    const field = $('[name="on"]', form), button = $("button", form), body = new URLSearchParams(new FormData(form));
    field.value = on ? "0" : "1";
    button.firstChild.textContent = `${on ? t("Show marked words") : t("Blur marked words until I look")} `;
    announce(on ? t("Marked words are blurred.") : t("Marked words are shown."));
    body.set("on", on ? "1" : "0");
    try { await fetch(form.action, { method: "POST", body, headers: asFragment }); } catch { /* kept on this page */ }
  };

  /* Many at once */
  const bulk = $("#bulk"), dialog = $("#bulk-dialog"), ticks = () => $$('.rows input[name="item"]'), ticked = () => ticks().filter((box) => box.checked);
  let lastTick = null, batching = false; // a batch is on its way: what became of it says its own answer
  const paintTicks = () => {
    if (!bulk) return;
    const n = ticked().length, all = $("[data-all]", bulk);
    bulk.classList.toggle("any", n > 0);
    rows.classList.toggle("choosing", n > 0);
    all.checked = n > 0 && n === ticks().length;
    all.indeterminate = n > 0 && !all.checked;
    $("[data-selected]", bulk).textContent = tn(n, "%(num)s selected", "%(num)s selected");
  };
  const tick = (box, on) => { if (box && !box.closest("li").classList.contains("settled")) box.checked = on; };
  const tickAll = (on) => { for (const box of ticks()) tick(box, on); paintTicks(); announce(tn(ticked().length, "%(num)s selected.", "%(num)s selected.")); };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) tickAll(event.target.checked);
    else if (event.target.matches('.rows input[name="item"]')) { lastTick = event.target; paintTicks(); }
  });
  document.addEventListener("click", (event) => {
    const label = event.target.closest(".pick"), box = label && $("input", label);
    if (!box || event.target !== box || !event.shiftKey || !lastTick || lastTick === box) return;
    const all = ticks(), from = all.indexOf(lastTick), to = all.indexOf(box);
    for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) tick(one, box.checked);
    paintTicks();
  });
  const bulkBody = (more) => {
    const body = new URLSearchParams(new FormData(bulk)); // the ticked boxes belong to this form
    for (const [name, value] of Object.entries(more)) body.set(name, value);
    return body;
  };
  const confirmBulk = async (action) => {
    try {
      const answer = await fetch(bulk.getAttribute("action"), { method: "POST", body: bulkBody({ action }), headers: asFragment });
      if (answer.status !== 200 && answer.status !== 422) throw new Error(answer.status);
      dialog.innerHTML = await answer.text(); // rendered and escaped by our server
      dialog.showModal();
      ($('input[name="reason"]', dialog) || $("button", dialog) || dialog).focus();
    } catch { say(t("There is no connection at the moment. Your selection is kept."), false); announce(t("There is no connection at the moment.")); }
  };
  const sendBulk = async (form) => {
    const button = $("button", form);
    button.disabled = batching = true;
    $(".bulk-failed", form)?.remove();
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "X-Sent": "background" } });
      if (!answer.ok) throw new Error(answer.status);
      const data = await answer.json();
      dialog.close();
      bulkDone(data);
    } catch {
      button.disabled = false;
      const error = make("p", t("Not saved. Check the connection and try again; what was decided already is left as it is then."), "notice bad bulk-failed");
      error.setAttribute("role", "alert");
      $(".picker-end", form).before(error);
    }
    batching = false;
  };
  const bulkDone = ({ done, refused, counts, toast: html, card: following }) => {
    const mine = shown(), after = done.includes(mine) ? nextOf(rowOf(mine), [...done, ...refused.map((one) => one.comment)]) : null;
    for (const id of done) drop(id);
    for (const { comment, message } of refused) settle(comment, message);
    for (const box of ticked()) box.checked = false;
    paintTicks();
    showCounts(counts, undefined, true);
    put(html);
    toast(true);
    announce($(".toast p")?.textContent || "");
    if (after) open(after);
    else if (done.includes(mine) && following) { show(following); history.replaceState(null, "", address()); }
    if (items().length === 0) loadMore();
    markRow();
  };
  const undoBulk = async (form) => {
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "X-Sent": "background" } });
      if (!answer.ok) throw new Error(answer.status);
      const { done, refused, counts, toast: html } = await answer.json();
      for (const id of done) restore(id);
      for (const { comment, message } of refused) settle(comment, message);
      showCounts(counts, undefined, true);
      put(html);
      toast(true);
      announce($(".toast p")?.textContent || "");
      if (!shown() && items().length) open(items()[0]);
      markRow();
    } catch { announce(t("Not taken back: no connection.")); }
  };

  /* What a decision did: the list, the counts, the toast */
  const baseline = { number: null };
  const showCounts = (counts, limit = 1000, decided = false) => {
    if (decided) for (const job of jobs) if (rows && !rowOf(job.id) && main.dataset.queue in counts) counts[main.dataset.queue] -= 1; // on their way
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
  const count = (by) => { // until the server's own number comes with its answer
    for (const element of $$(`[data-count="${main.dataset.queue}"]`)) {
      const number = Math.max(Number(element.dataset.number) + by, 0);
      if (!/^\d+$/.test(element.textContent)) continue;
      element.dataset.number = number;
      element.textContent = number;
    }
    title();
  };
  const drop = (id) => {
    const row = rowOf(id);
    if (!row) return;
    removed.set(Number(id), { row, before: row.nextElementSibling?.dataset.id });
    row.remove();
    paintTicks();
    if (baseline.number !== null) baseline.number -= 1;
  };
  const restore = (id) => {
    const kept = removed.get(Number(id));
    if (!kept || rowOf(id) || !rows) return;
    const before = kept.before && rowOf(kept.before);
    if (before) before.before(kept.row); else if (kept.before) rows.prepend(kept.row); else rows.append(kept.row);
    removed.delete(Number(id));
    settle(id, "");
    if (baseline.number !== null) baseline.number += 1;
  };
  /** Say in a comment's row what became of it; the row stays, so that nothing moves. Without words it waits again. */
  const settle = (id, words) => {
    const row = rowOf(id);
    if (!row) return;
    for (const box of $$('input[name="item"]', row)) box.checked = false;
    row.classList.toggle("settled", words !== "");
    $(".fate", row)?.remove();
    if (words) $(".row-foot", row).prepend(make("span", words, "gist fate"));
    paintTicks();
  };
  const PAST = { published: t("Published"), rejected: t("Rejected"), withdrawn: t("Withdrawn"), held: t("Waiting") };
  const CHANGED = { // by a colleague, by oneself
    published: ["%(name)s has published this comment.", "You have published this comment elsewhere."],
    rejected: ["%(name)s has rejected this comment.", "You have rejected this comment elsewhere."],
    other: ["%(name)s has changed this comment.", "You have changed this comment elsewhere."],
  };
  const leaves = (status) => {
    const queue = main.dataset.queue;
    if (queue === "held" || queue === "waiting") return status !== "held" && status !== "pending";
    if (queue === "rejected") return status !== "rejected";
    if (queue === "approved") return status !== "published";
    return true;
  };
  const settleIfGone = (id, status, words) => { if (leaves(status)) settle(id, words || PAST[status] || t("Decided")); };
  const put = (html) => {
    const box = $("#toast");
    box.outerHTML = html; // rendered and escaped by our server
    htmx.process($("#toast"));
  };
  const pendingToast = (job) => {
    const box = make("div", "", "toast"), told = make("p", `${job.said} `), button = make("button", `${t("Undo")} `, "button");
    told.append(make("span", job.name, "quiet"));
    button.type = "button";
    const left = make("span", "", "left");
    left.setAttribute("aria-hidden", "true");
    button.append(make("kbd", "u"), left);
    button.onclick = undo;
    box.append(told, button);
    $("#toast").replaceChildren(box);
    toast(true);
  };
  document.addEventListener("review:decided", (event) => { // by htmx: a comment by itself
    const { comment, status, gone, counts } = event.detail;
    for (const id of gone) drop(id);
    showCounts(counts, undefined, true);
    markRow();
    toast(true);
    const next = $("h2", card)?.textContent.trim() || "";
    announce(`${status === "rejected" ? t("Rejected.") : t("Published.")} ${next ? t("Next: %(name)s.", { name: next }) : ""}`);
    lastDecision = comment;
    if (items().length === 0) loadMore();
  });
  document.addEventListener("review:undone", (event) => {
    const { comment, queued, counts } = event.detail;
    fetched.delete(String(comment));
    if (queued) restore(comment); else drop(comment);
    lastDecision = null;
    showCounts(counts, undefined, true);
    markRow();
    announce(t("Taken back."));
  });
  document.addEventListener("review:refused", (event) => {
    const { comment, status, counts } = event.detail;
    showCounts(counts, undefined, true);
    if (rows) settleIfGone(comment, status);
  });

  let countdown = 0, left = UNDO_SECONDS;
  const toast = (anew) => {
    clearInterval(countdown);
    const box = $(".toast");
    if (!box) return;
    if (anew) left = UNDO_SECONDS;
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

  /* Following: a small conditional request every few seconds, none while nobody looks */
  let etag = null, timer = 0, seen = "", since = main?.dataset.since;
  const poll = async () => {
    clearTimeout(timer);
    if (document.hidden || !main?.dataset.countsUrl) return;
    const id = shown(), base = main.dataset.countsUrl, query = new URLSearchParams({ ...(id && { comment: id }), ...(since && { since }) });
    const url = `${base}${base.includes("?") ? "&" : "?"}${query}`;
    if (url !== seen) { etag = null; seen = url; }
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json", ...(etag && { "If-None-Match": etag }) }, cache: "no-store" });
      if (answer.status === 200 && !batching) {
        etag = answer.headers.get("ETag");
        const { counts, asked, limit, version, cursor, changes, claims } = await answer.json();
        if (!jobs.length) { showCounts(counts, limit); fresh(counts, limit); }
        showCounts({ asked }, limit);
        if (since) since = String(cursor);
        for (const change of changes) follow(change);
        paintClaims(claims);
        const open = $("[data-comment]", card || document);
        if (open && !busy && Number(open.dataset.comment) === id) {
          const stale = $(".stale", card), change = changes.findLast((one) => one.comment === id);
          if (stale) {
            stale.hidden = version === null || version === Number(open.dataset.version);
            if (change && !stale.hidden) $("span", stale).textContent = t(CHANGED[change.status]?.[Number(change.mine)] || CHANGED.other[Number(change.mine)], { name: change.by });
          }
        }
      }
    } catch { /* offline: the next round tells */ }
    timer = setTimeout(poll, POLL);
  };
  const follow = ({ comment, status, by, mine }) => {
    fetched.delete(String(comment));
    if (!rows || !rowOf(comment) || jobs.some((job) => job.id === comment)) return;
    const what = PAST[status] || t("Decided"), fate = leaves(status) ? (mine ? t("%(what)s by you", { what }) : t("%(what)s by %(name)s", { what, name: by })) : "";
    if (fate || $(".fate", rowOf(comment))) settle(comment, fate);
  };
  const paintClaims = (claims) => {
    for (const box of $$(".on-it")) box.remove();
    const names = new Map();
    for (const { comment, by } of claims) names.set(comment, [...(names.get(comment) || []), by]);
    for (const [comment, who] of names) {
      const row = rowOf(comment);
      if (row) $(".row-foot", row).append(make("span", tn(who.length, "%(names)s is on it", "%(names)s are on it", { names: who.join(", ") }), "on-it"));
    }
    paintHere(names.get(shown()) || []);
  };
  const paintHere = (who) => {
    const box = $(".here", card || document);
    if (!box) return;
    $("span", box).textContent = who.length ? tn(who.length, "%(names)s is on this comment too.", "%(names)s are on this comment too.", { names: who.join(", ") }) : "";
    box.hidden = !who.length;
  };
  /* Who is on what: said when a card was on show for a second, again while it is, and taken back when the page is left. */
  let claimTimer = 0, claimed = "";
  const claim = async () => {
    const id = shown();
    if (document.hidden || !id || !main?.dataset.claimUrl) return;
    claimTimer = setTimeout(claim, CLAIM);
    claimed = id;
    try {
      const answer = await post(main.dataset.claimUrl, { comment: id });
      if (answer.ok && shown() === id) paintHere((await answer.json()).here);
    } catch { /* offline: nobody is told */ }
  };
  const claimSoon = () => { clearTimeout(claimTimer); claimTimer = setTimeout(claim, 1000); };
  const unclaim = () => {
    clearTimeout(claimTimer);
    if (claimed) navigator.sendBeacon(main.dataset.claimUrl, new URLSearchParams({ csrf_token: main.dataset.token, comment: "" }));
    claimed = "";
  };
  addEventListener("pagehide", unclaim);
  const fresh = (counts, limit) => {
    const queue = main.dataset.view || main.dataset.queue, box = $(".fresh");
    if (!queue || !box || !(queue in counts)) return;
    if (baseline.number === null) baseline.number = counts[queue];
    baseline.number = Math.min(baseline.number, counts[queue]);
    const more = counts[queue] >= limit ? 0 : counts[queue] - baseline.number;
    const link = $("a", box);
    const said = tn(more, "%(num)s new", "%(num)s new");
    if (more > 0 && link.textContent !== said) {
      link.textContent = said;
      announce(tn(more, "%(num)s new comment.", "%(num)s new comments."));
    }
    const address = new URL(link.href);
    if (shown() && main.classList.contains("chosen") === false && items().length === 0) address.search = "";
    link.href = address.href;
    box.hidden = more <= 0;
  };
  document.addEventListener("visibilitychange", () => { if (document.hidden) { clearTimeout(timer); unclaim(); } else { poll(); if (shown()) claimSoon(); } });

  /* Choosing a reason */
  const picker = () => $("details.reject[open], details.ask[open], details.dismiss[open]", card || document);
  const closePicker = () => { const open = picker(); if (open) { open.open = false; $("summary", open).focus(); } };
  const pick = (number) => {
    const radio = $$('input[name="reason"]', picker())[number - 1];
    if (radio) { radio.checked = true; radio.focus(); }
  };
  const prepare = () => {
    for (const button of $$("[data-cancel]", card || document)) button.hidden = false;
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.ask") && event.target.open) $("select", event.target).focus();
    if (event.target.matches?.("details.dismiss") && event.target.open) $("textarea", event.target).focus();
    if (!event.target.matches?.("details.reject") || !event.target.open) return;
    const checked = $('input[name="reason"]:checked', event.target) || $('input[name="reason"]', event.target);
    if (!event.target.contains(document.activeElement) || document.activeElement.matches("summary")) checked.focus();
  }, true);

  /* Clicks */
  document.addEventListener("click", (event) => {
    const target = event.target.closest("a, button");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey || event.button) {
      if (!event.target.closest("details.reject, details.ask, details.dismiss") && picker()) picker().open = false;
      return;
    }
    const li = target.closest(".rows li[data-id]");
    if (li && !target.closest(".pick") && !phone.matches) { event.preventDefault(); choose(li); }
    else if (target.matches("[data-step]") && neighbour(Number(target.dataset.step)) && !phone.matches) { event.preventDefault(); choose(neighbour(Number(target.dataset.step))); }
    else if (target.matches("[data-cancel]")) closePicker();
    else if (target.matches("[data-retry]") && failed) failed.requestSubmit();
    else if (target.matches("[data-open='keys']")) keys.showModal();
    else if (target.matches("[data-resend]")) resend();
    else if (target.matches("[data-none]")) tickAll(false);
    else if (target.matches("[data-close]") && target.closest("dialog")) { event.preventDefault(); dialog.close(); }
    if (!target.closest("details.reject, details.ask, details.dismiss") && picker()) picker().open = false;
  });

  /* Keys */
  const keysOn = () => stored.get("review-keys") !== "off";
  const press = (selector) => { const button = $(selector, card || document); if (button && !busy) { button.click(); return true; } return false; };
  const undo = () => {
    const job = jobs.find((one) => one.id === lastDecision);
    if (job && (job.flying || job.undo)) { job.undo = true; return; } // as soon as it has arrived
    if (job && job.tries === 0) { job.undo = true; return; }
    if (job) { // it may have arrived without an answer: then this is told, and can be taken back
      jobs.splice(jobs.indexOf(job), 1);
      restore(job.id);
      count(1);
      opening += 1;
      history.replaceState(null, "", job.href);
      show(job.card);
      lastDecision = null;
      $("#toast").replaceChildren();
      paintSending(sending);
      wake?.();
      announce(t("Taken back."));
      return;
    }
    if (busy) return;
    const box = $(".toast"), form = box && $("form", box);
    if (form && !box.hidden) form.requestSubmit();
    else if ($(".actions .undo", card || document)) $(".actions .undo", card).requestSubmit();
    else if (form && lastDecision !== null) form.requestSubmit();
    else announce(t("There is nothing to take back."));
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.closest?.("form.add-note")) { event.preventDefault(); event.target.form.requestSubmit(); return; }
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
      if (!typing && open.matches(".reject") && /^[1-9]$/.test(event.key)) { event.preventDefault(); pick(Number(event.key)); return; }
      if (event.target.closest?.("details.reject, details.ask, details.dismiss") || typing) return;
    }
    if (dialog?.open && !typing && /^[1-9]$/.test(event.key)) { const radio = $$('input[name="reason"]', dialog)[event.key - 1]; if (radio) { radio.checked = true; radio.focus(); } return; }
    if (typing || keys?.open || dialog?.open || !keysOn()) return;
    const act = {
      j: () => choose(neighbour(1)), k: () => choose(neighbour(-1)),
      a: () => press(".actions .approve > summary, .actions .approve button"), r: () => press(".actions .reject > summary"),
      f: () => press(".actions .mark-featured button"), p: () => press(".actions .mark-pinned button"),
      q: () => press(".actions .ask > summary"), s: () => press(".actions .skipping button"),
      n: () => { const area = $("#talk-text"); area?.focus(); area?.scrollIntoView({ block: "center" }); },
      x: () => { const box = $('input[name="item"]', rowOf(shown()) || document.createElement("i")); if (box) { tick(box, !box.checked); lastTick = box; paintTicks(); announce(tn(ticked().length, "%(num)s selected.", "%(num)s selected.")); } },
      X: () => tickAll(ticked().length < ticks().length), b: () => $("[data-blur]")?.requestSubmit(),
      t: () => { const link = $(".thread-link", card || document); if (link) window.open(link.href, "_blank", "noopener"); },
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
    if (card) { markRow(); title(); if ($(".toast")) toast(true); if (shown()) claimSoon(); setTimeout(prefetch, 150); }
    for (const box of $$("[data-all], [data-none]")) box.hidden = false;
    paintTicks();
    timer = setTimeout(poll, 800);
    document.documentElement.dataset.ready = "true";
  });
})();
