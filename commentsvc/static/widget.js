/* The page in the iframe works as HTML; this makes it work in place. It puts nothing into the page
   as HTML but what our own server rendered. */
(() => {
  "use strict";
  const doc = document, root = doc.documentElement, data = doc.body.dataset;
  const $ = (query, el = doc) => el.querySelector(query);
  const $$ = (query, el = doc) => [...el.querySelectorAll(query)];
  const api = `${data.root}/embed`, page = `${api}/a/${data.article}`;
  const mainEditor = $("#editor"), list = $("#list"), mine = $("#mine");
  const words = JSON.parse(data.words), lang = root.lang, plural = new Intl.PluralRules(lang);
  /** Our words in the page's language, with a number (its form) or a name filled in. */
  const word = (key, n) => (words[key][plural.select(n)] || words[key].other || words[key]).replace(/%\(\w+\)s/, () => n.toLocaleString(`${lang}-u-nu-latn`));
  const NETWORK = $("#offline").textContent;
  const NOBODY = { votes: {}, own: [], waiting: [] };
  let me = NOBODY, busy = false, acted = false;
  root.classList.add("js");

  // ---- The host page: told our height, believed only when the site allows its origin
  const hash = new URLSearchParams(location.hash.slice(1)), host = hash.get("host");
  const framed = parent !== window && (host === location.origin || data.origins.split(" ").includes(host));
  const tell = (message) => framed && parent.postMessage({ commentsvc: 1, ...message }, host);
  const fit = () => tell({ height: doc.body.offsetHeight, acted }); // it grows for who acted; what comes by itself moves nothing
  const active = () => { acted = true; fit(); };
  addEventListener("message", ({ origin, source, data: message }) => {
    if (!framed || origin !== host || source !== parent || message?.commentsvc !== 1) return;
    if (message.kept) begin(message.kept);
    if (["light", "dark"].includes(message.theme)) root.dataset.theme = message.theme;
    if (message.comment) go(message.comment);
    if ("cut" in message) root.classList.toggle("cut", message.cut);
    if ("sso" in message) load(data.identity).then(() => root.desk.signOn(message.sso));
  });

  // ---- What the browser keeps: here, or by the host page where a frame has no storage
  let memory = {};
  const storage = (() => { try { return localStorage; } catch { return null; } })();
  const recall = (key) => (storage && storage.getItem(`commentsvc:${key}`)) || memory[key];
  const keep = (key, value) => {
    memory[key] = value;
    if (!storage) return tell({ keep: [key, value] });
    try { value ? storage.setItem(`commentsvc:${key}`, value) : storage.removeItem(`commentsvc:${key}`); } catch { /* full */ }
  };

  // ---- Small parts
  const say = (text) => { $("#live").textContent = ""; setTimeout(() => { $("#live").textContent = text; }, 50); };
  const parse = (html) => {
    const template = doc.createElement("template");
    template.innerHTML = html; // rendered and escaped by our server
    return template.content;
  };
  const make = (tag, text, className = "") => Object.assign(doc.createElement(tag), { textContent: text, className });
  const commentOf = (el) => el.closest(".c");
  const target = (form, button) => button.getAttribute("formaction") || form.action;
  const find = (id) => doc.getElementById(`comment-${id}`);
  const count = (n) => {
    if (n === undefined) return;
    $("#count").textContent = n ? word("comments", n) : words.none;
  };
  const clock = (el = doc) => $$("time", el).forEach((time) => {
    const then = new Date(time.dateTime), minutes = Math.floor((Date.now() - then) / 60000);
    time.parentElement.title = then.toLocaleString(lang);
    if (minutes > 10079) return; // a week: the date, as it is
    const [n, unit] = minutes < 60 ? [minutes, "min"] : minutes < 1440 ? [minutes / 60, "h"] : [minutes / 1440, "d"];
    time.textContent = minutes < 1 ? words.now : word(unit, Math.floor(n));
  });

  /** The answer's JSON or HTML; {error} when there is none, whatever the cause. */
  const ask = async (url, form, again = false, turn = 0) => {
    try {
      const answer = await fetch(url, {
        method: form ? "POST" : "GET",
        body: form && new URLSearchParams(form),
        headers: { "X-Requested-With": "commentsvc", "Accept-Language": lang, ...(me.csrf && { "X-CSRFToken": me.csrf }) },
      });
      const json = (answer.headers.get("Content-Type") || "").includes("json");
      const found = json ? await answer.json() : { html: await answer.text() };
      if (answer.ok) return found;
      const error = found.error || { message: words.wrong, again: true };
      if (error.code === "csrf" && !again) { // the form is older than the cookie: once more with a fresh token
        me.csrf = error.csrf;
        if (form && form.has("csrf_token")) form.set("csrf_token", error.csrf);
        return ask(url, form, true);
      }
      if (error.code === "busy" && turn < 2) { // nothing was done: the same once more is safe, when the rush is over
        await new Promise((done) => setTimeout(done, 1000 * (answer.headers.get("Retry-After") || 5)));
        return ask(url, form, again, turn + 1);
      }
      return { error: { again: answer.status > 428, ...error, status: answer.status } };
    } catch {
      return { error: { message: NETWORK, again: true } };
    }
  };

  /** Say below `el` what went wrong; `retry` is offered where trying again may help. */
  const complain = (el, error, retry) => {
    const form = el.matches("form");
    $$(":scope > .problem", form ? el : el.parentElement).forEach((p) => p.remove());
    if (!error) return;
    const slot = make("p", error.message, "problem");
    slot.setAttribute("role", "alert");
    if (form) slot.id = `${el.id}-problem`; // its field is described by it
    if (error.again && retry) {
      const button = make("button", words.again, "button");
      button.type = "button";
      button.onclick = retry;
      slot.append(" ", button);
    }
    form ? el.append(slot) : el.after(slot);
  };

  // ---- Drafts
  const draftKey = (form) => `draft:${data.article}:${form.elements.parent_id?.value || 0}`;
  const grow = (area) => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
    const form = area.form, text = area.value.trim(), near = text.length > form.dataset.max * 0.9;
    // Characters as people count them; never more than the units of the string.
    const left = form.dataset.max - (near && Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].length : text.length), label = $(".count", form);
    label.hidden = left > form.dataset.max / 10;
    label.textContent = left < 0 ? word("over", -left) : word("left", left);
    label.classList.toggle("over", left < 0);
  };
  const restore = (form) => {
    const area = form.elements.body;
    area.value = area.value.trim() || recall(draftKey(form)) || "";
    if (area.value) { form.classList.add("open"); grow(area); }
  };

  // ---- Who reads, and what is hers
  const paintVotes = (form, up, down, value) => $$("button", form).forEach((button, i) => {
    const n = i ? down : up;
    button.textContent = n;
    button.setAttribute("aria-pressed", value === (i ? -1 : 1));
    button.ariaLabel = button.ariaLabel.replace(/\d+/, n);
  });
  const votesOf = (form) => $$("button", form).map((button) => +button.textContent);

  /** Bring what the server rendered for everybody in line with this reader. */
  const dress = (el = doc) => {
    clock(el);
    foldAs(el);
    $$("[data-post]", el).forEach((button) => { if (!button.disabled) button.textContent = me.user ? words.post : words.join; });
    for (const comment of $$(".c", el.parentElement || el)) {
      const id = +comment.dataset.id, form = $(":scope > .acts .votes", comment);
      if (!form) continue;
      const own = me.own.includes(id), link = $(":scope > .acts .menu a", comment);
      paintVotes(form, ...votesOf(form), me.votes[id] || 0);
      comment.classList.toggle("mine", own);
      link.dataset.act = own ? "withdraw" : "flag";
      link.textContent = own ? words.withdraw : words.flag;
    }
  };

  const place = (html, id, parent) => {
    const el = parse(html).firstElementChild, there = find(id), above = parent && find(parent);
    if (there?.classList.contains("own")) there.replaceWith(el);
    else if (above) {
      let replies = $(":scope > .replies", above);
      if (!replies) above.append((replies = make("div", "", "replies")));
      if (above.classList.contains("folded")) fold($(":scope > .acts [data-act=fold]", above), false);
      const more = $(":scope > .more", replies);
      more ? more.before(el) : replies.append(el);
    } else {
      if (there) el.removeAttribute("id"); // its place in the thread is still shown, without its text
      mine.prepend(el);
    }
    dress(el);
    $("#empty")?.remove();
    return el;
  };

  const loadMe = async () => {
    const found = await ask(`${api}/${data.site}/articles/${data.article}/me`);
    root.classList.add("known");
    if (found.error) return;
    $$(".own").forEach((el) => el.remove());
    me = found;
    $("#who").replaceChildren(parse(me.who));
    $("#told").replaceChildren(parse(me.told || ""));
    me.scripts?.forEach(load); // who is signed in, and staff, need more
    if (me.edits?.length || me.own?.length) act("edits", mine);
    for (const w of me.waiting.reverse()) place(w.html, w.id, w.parent);
    if (me.waiting[0]) write().then(() => me.waiting.forEach((w) => root.desk.watch(w.id, w.status)), () => 0);
    dress();
  };

  // ---- Below a comment
  const closePanel = () => $$(".c form.panel:is([data-form], #moderate), .c form.editor").forEach((form) => form.remove());
  const below = (comment) => $(":scope > .acts, :scope > .status", comment);
  // ---- What only some need: loaded once they do
  const loading = {};
  const load = (src) => loading[src] ||= new Promise((done, fail) => {
    const script = Object.assign(make("script"), { src, nonce: $("script").nonce, onload: done });
    script.onerror = () => { delete loading[src]; script.remove(); fail(); };
    doc.head.append(script);
  });
  const write = () => load(data.write);
  /** One of the acts in write.js, in read.js, or in the file that `el` names; the network's words beside `el` when it does not come. */
  const act = (name, el, ...more) => load(READS.includes(name) ? data.read : el.dataset.src || data.write).then(
    () => root.desk.acts[name](el, ...more),
    () => complain(el.closest(".acts, .status, form, .head") || el, { message: NETWORK, again: true }, () => act(name, el, ...more)),
  );
  const READS = ["news", "continue", "managers", "find", "sort"];

  // ---- Folded threads, remembered for the article
  const folds = () => (recall(`folded:${data.article}`) || "").split(" ").filter(Boolean);
  const fold = (button, folded) => {
    const n = +button.dataset.n;
    commentOf(button).classList.toggle("folded", folded);
    button.setAttribute("aria-expanded", !folded);
    button.textContent = folded ? word("replies", n) : words.hide;
  };
  const foldAs = (el = doc) => {
    const folded = folds();
    $$("[data-act=fold]", el).forEach((button) => { if (folded.includes(commentOf(button).dataset.id)) fold(button, true); });
  };
  const toggle = (button, comment) => {
    const folded = !comment.classList.contains("folded"), id = comment.dataset.id;
    fold(button, folded);
    keep(`folded:${data.article}`, [...folds().filter((other) => other !== id), ...(folded ? [id] : [])].slice(-200).join(" "));
  };
  const unfold = (el) => {
    for (let above = el.parentElement.closest(".c.folded"); above; above = above.parentElement.closest(".c.folded")) {
      fold($(":scope > .acts [data-act=fold]", above), false);
    }
  };

  // ---- What came since: read.js asks, from this on
  const listen = () => load(data.read).then(() => root.desk.acts.listen(), later);
  const later = () => setTimeout(listen, 20000);

  // ---- More of the conversation
  const threadUrl = (more) => `${api}/${data.site}/thread?${new URLSearchParams({ url: data.url, part: "list", lang, size: data.size, ...more })}`;
  const fetchInto = async (button, url) => {
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    const found = await ask(url);
    busy = false;
    button.removeAttribute("aria-disabled");
    if (found.error) return complain(button, found.error, () => fetchInto(button, url));
    complain(button);
    const fresh = parse(found.html);
    // Something posted or linked to meanwhile may be here already.
    $$(".c", fresh).forEach((c) => find(c.dataset.id) && !$(".c", c) && c.remove());
    const first = $(".c", fresh);
    button.replaceWith(fresh);
    dress();
    first?.focus({ preventScroll: true });
  };
  const go = async (id) => {
    $$(".here").forEach((el) => el.classList.remove("here"));
    if (!find(id)) await act("find", $(".head"), id);
    const el = find(id);
    if (!el) return;
    unfold(el);
    el.classList.add("here");
    active();
    el.focus({ preventScroll: true });
    framed ? tell({ scroll: Math.max(0, el.getBoundingClientRect().top) }) : el.scrollIntoView();
  };

  // ---- Events, all in one place
  const ACTS = {
    fold: toggle,
    more: (link) => fetchInto(link, link.dataset.url),
    "show-more": (link) => fetchInto(link, threadUrl({ sort: $("#sort").value, after: link.dataset.after })),
  };
  const on = (type, act) => doc.addEventListener(type, act);
  on("click", (event) => {
    const el = event.target.closest("[data-act], [data-mark]");
    const inside = event.target.closest(".menu");
    $$(".menu[open]").forEach((menu) => { if (menu !== inside || el) menu.open = false; });
    if (!el || event.ctrlKey || event.metaKey) return;
    if (el.dataset.mark) return act("format", el.form.elements.body, el.dataset.mark);
    const name = el.dataset.act, comment = commentOf(el);
    if (name === "link") return; // the browser follows it
    event.preventDefault();
    if (!el.hasAttribute("aria-disabled")) ACTS[name] ? ACTS[name](el, comment) : act(name, el, comment);
  });
  on("submit", async (event) => {
    const form = event.target, { form: kind } = form.dataset;
    const name = ["post", "account", "told"].includes(kind) ? kind : form.dataset.for && "panel";
    if (!name) return;
    event.preventDefault();
    if (form.dataset.busy) return; // pressed twice
    form.dataset.busy = "1";
    await act(name, form, event.submitter || $("button", form));
    delete form.dataset.busy;
  });
  on("input", ({ target }) => {
    if (target.name !== "body") return;
    keep(draftKey(target.form), target.value);
    grow(target);
  });
  on("focusin", ({ target }) => {
    if (target.name === "body" && target.form) { target.form.classList.add("open"); write().catch(() => 0); }
  });
  on("change", ({ target }) => { if (target.id === "sort") act("sort", $(".sorting"), target.value); });
  on("keydown", ({ key, ctrlKey, metaKey, target }) => {
    if (key === "Enter" && (ctrlKey || metaKey) && target.name === "body") target.form.requestSubmit();
    if (key === "Escape") $$(".menu[open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
  });
  const connection = () => { $("#offline").hidden = navigator.onLine; };
  for (const type of ["online", "offline"]) addEventListener(type, connection);

  const published = (id) => { me.own.push(id); root.desk.told++; };
  // What moderate.js and write.js take from here.
  root.desk = {
    $, $$, ask, say, complain, below, closePanel, count, api, parse, page, data, make, target, find, keep, draftKey, grow, restore,
    paintVotes, votesOf, dress, place, loadMe, go, published, commentOf, mainEditor, words, word, list, mine, threadUrl, unfold, load, acts: {}, told: 0,
    get me() { return me; },
    leave() { me = NOBODY; },
    still() { acted = false; },
  };

  // ---- Begin: once we know what was kept (threads folded, before a link leads into one)
  const begin = (kept) => {
    memory = kept;
    if (mainEditor) {
      restore(mainEditor);
      const drafted = $$(".c").find((c) => recall(`draft:${data.article}:${c.dataset.id}`) && below(c));
      if (drafted) act("open", drafted, "reply", true);
    }
    fit();
    new ResizeObserver(fit).observe(doc.body);
    loadMe().then(() => { if (+hash.get("comment")) go(+hash.get("comment")); });
  };
  connection();
  clock();
  setInterval(clock, 60000);
  for (const type of ["click", "keydown", "focusin"]) on(type, active);
  later();
  framed ? tell({ hello: 1, title: doc.title }) : begin({});
})();
