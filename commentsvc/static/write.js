/* What a reader needs once she writes, votes, flags or signs in; widget.js loads it then. */
(() => {
  "use strict";
  const desk = document.documentElement.desk;
  const {
    $, $$, ask, say, complain, below, closePanel, count, api, parse, page, data, make, target, find, keep, draftKey, grow, restore,
    paintVotes, votesOf, dress, place, loadMe, go, published, commentOf, mainEditor, words, word,
  } = desk;

  // ---- One's own comment, until it is decided
  const watched = new Set();
  const watch = (id, status) => {
    if (!["pending", "held"].includes(status) || watched.has(id)) return;
    watched.add(id);
    const begun = Date.now();
    let wait = status === "pending" ? 1000 : 15000;
    const look = async () => {
      if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
      const el = find(id);
      if (!el?.classList.contains("own")) return watched.delete(id);
      const now = await ask(`${api}/comments/${id}/state`);
      if (now.error?.status && now.error.code !== "busy") return watched.delete(id);
      if (!now.error && now.status !== status) {
        status = now.status;
        settle(now);
      }
      if (!["pending", "held"].includes(status)) return watched.delete(id);
      if (status === "held" || Date.now() - begun > 15000) wait = Math.min(wait * 1.5, 30000);
      setTimeout(look, wait);
    };
    setTimeout(look, wait);
  };
  const settle = (now) => {
    const focused = find(now.id).contains(document.activeElement);
    if (now.status === "published") published(now.id);
    const el = now.html ? place(now.html, now.id, now.parent) : (find(now.id).remove(), null);
    count(now.count);
    if (el && focused) el.focus({ preventScroll: true });
    say(now.say);
  };

  // ---- Signing up and in, in place
  /** The way to a legal notice, which is for whoever is signed out too. */
  const legal = (form, text) => {
    const line = make("p", ""), link = make("a", text);
    Object.assign(link, { href: `${api}/comments/${commentOf(form).dataset.id}/legal-notice?lang=${document.documentElement.lang}`, target: "_blank", rel: "noopener" });
    line.append(link);
    form.append(line);
  };
  const openAccount = async (kind, after, why = "") => {
    after = after || $("#account")?.previousElementSibling || $("#account-slot");
    const found = await ask(`${page}/account/${kind}?why=${why}`);
    if (found.error) return complain(after, found.error, () => openAccount(kind, after, why));
    complain(after);
    $("#account")?.remove();
    const form = parse(found.html).firstElementChild;
    after.after(form);
    if (found.legal) legal(form, found.legal);
    if ($("[data-popup]", form)) desk.load(data.identity).catch(() => 0); // without it these are links to a tab
    $("input:not([type=hidden])", form).focus();
  };
  const sendAccount = async (form, button) => {
    const sent = new FormData(form), before = form.previousElementSibling, editor = before.matches(".editor") ? before : mainEditor;
    if (form.action.endsWith("/guest") && editor) {
      sent.set("body", editor.elements.body.value);
      sent.set("parent_id", editor.elements.parent_id?.value || "");
    }
    const found = await ask(target(form, button), sent);
    if (found.kept) {
      keep(draftKey(editor), "");
      if (editor === mainEditor) { editor.elements.body.value = ""; grow(editor.elements.body); }
    }
    if (found.signed_in) {
      form.remove();
      await loadMe();
      const area = editor?.elements.body;
      area?.focus();
      return say(found.say);
    }
    const html = found.html || found.error?.html;
    if (!html) return complain(form, found.error, () => form.requestSubmit(button));
    const next = parse(html).firstElementChild, password = next.elements?.password;
    if (password && sent.get("password") && found.error) password.value = sent.get("password");
    form.replaceWith(next);
    const told = $(".problem, .error, .told, h2", next);
    ($("[aria-invalid]", next) || $("input:not([type=hidden])", next) || next).focus();
    say(told ? told.textContent : "");
  };

  // ---- Posting
  const sendPost = async (form) => {
    const area = form.elements.body, button = $("[data-post]", form);
    complain(form);
    if (!desk.me.user) return openAccount("sign-up", form);
    if (!area.value.trim()) { complain(form, { message: words.empty }); return area.focus(); }
    const sent = new FormData(form);
    button.textContent = words.posting;
    button.disabled = area.readOnly = true;
    const now = await ask(form.action, sent);
    button.disabled = area.readOnly = false;
    button.textContent = words.post;
    if (now.error) {
      if (now.error.code === "not_signed_in") {
        desk.leave();
        dress(form);
        return openAccount("sign-in", form, "ended");
      }
      complain(form, now.error, () => form.requestSubmit());
      if (now.error.told) $("#told").replaceChildren(parse(now.error.told));
      return area.focus();
    }
    keep(draftKey(form), "");
    if (form === mainEditor) { area.value = ""; form.classList.remove("open"); grow(area); } else form.remove();
    if (now.status === "published") published(now.id);
    const el = place(now.html, now.id, now.parent);
    el.focus({ preventScroll: true });
    count(now.count);
    say(now.say);
    watch(now.id, now.status);
  };

  /** A message to her that she has read. */
  const sendTold = async (form, button) => {
    const now = await ask(target(form, button), new FormData(form));
    if (now.error) return complain(form, now.error, () => form.requestSubmit(button));
    form.closest("section").remove();
    $$(".editor > .problem").forEach((p) => p.remove());
    mainEditor?.elements.body.focus();
    say(now.message);
  };

  // ---- Below a comment
  const openPanel = (name, comment, quietly) => {
    const open = $(`:scope > [data-for="${name}"]`, comment);
    closePanel();
    if (open && !quietly) return below(comment).querySelector("a").focus();
    const form = $(`#t-${name}`).content.cloneNode(true).firstElementChild;
    form.dataset.for = name;
    if (name === "reply") {
      form.elements.parent_id.value = comment.dataset.id;
      form.classList.add("open");
      $("label", form).textContent = word("reply", $(".name", comment).textContent);
      restore(form);
    } else form.action = `${api}/comments/${comment.dataset.id}/${name}`;
    below(comment).after(form);
    if (name === "flag") legal(form, desk.me.words.legal);
    dress(form);
    if (!quietly) $("textarea, input:not([type=hidden]), button", form).focus();
  };
  const sendPanel = async (form, button) => {
    const comment = commentOf(form), now = await ask(target(form, button), new FormData(form));
    if (now.error?.code === "not_signed_in") return openAccount("sign-in", form, "ended");
    if (now.error) return complain(form, now.error, () => form.requestSubmit(button));
    if (now.html) return settle(now); // left for review
    const name = form.dataset.for;
    form.remove();
    if (name === "flag") below(comment).after(make("p", now.message, "told"));
    else {
      const replies = $(":scope > .replies", comment);
      comment.classList.remove("own", "pending", "held");
      comment.replaceChildren(make("p", words.gone, "gone"), ...(replies ? [replies] : []));
      count(now.count);
    }
    comment.focus({ preventScroll: true });
    say(now.message);
  };
  const vote = async (button, comment) => {
    const form = button.form, sign = button.dataset.act === "up" ? 1 : -1, id = comment.dataset.id;
    if (!desk.me.user) return openAccount("sign-up", below(comment), "vote");
    const before = desk.me.votes[id] || 0, value = before === sign ? 0 : sign, [up, down] = votesOf(form);
    paintVotes(form, up + (value === 1) - (before === 1), down + (value === -1) - (before === -1), value);
    desk.me.votes[id] = value;
    const now = await ask(form.action, new URLSearchParams({ value }));
    if (now.error) {
      desk.me.votes[id] = before;
      paintVotes(form, up, down, before);
      if (now.error.code === "not_signed_in") return openAccount("sign-in", below(comment), "ended");
    } else paintVotes(form, now.up, now.down, now.mine);
    complain(below(comment), now.error, () => vote(button, comment));
  };
  const share = async (link) => {
    try {
      await navigator.clipboard.writeText(link.href);
      say(link.textContent = words.copied);
    } catch { // no leave to: then by hand
      const field = make("input", "", "control");
      Object.assign(field, { value: link.href, readOnly: true, ariaLabel: words.link });
      below(commentOf(link)).after(field);
      field.select();
    }
  };

  desk.watch = watch;
  Object.assign(desk.acts, {
    up: vote, down: vote, share,
    reply: (_, comment) => openPanel("reply", comment),
    withdraw: (_, comment) => openPanel("withdraw", comment),
    flag: (_, comment) => (desk.me.user ? openPanel("flag", comment) : openAccount("sign-up", below(comment), "flag")),
    form: (link) => openAccount(link.dataset.to, link.closest("#account") ? null : $("#account-slot")),
    "sign-out": async () => {
      const now = await ask(`${page}/sign-out`, new URLSearchParams());
      if (now.error) return complain($(".head"), now.error);
      desk.leave();
      $$(".own").forEach((el) => el.remove());
      $("#told").replaceChildren();
      await loadMe();
      $("#who a")?.focus(); // what was pressed is gone
      say(now.say);
    },
    cancel: (button) => {
      const form = button.closest("form"), comment = commentOf(form);
      const back = comment ? $("a, button", below(comment)) : mainEditor?.elements.body;
      if (form.dataset.form === "post") keep(draftKey(form), "");
      form.remove();
      back?.focus();
    },
    open: (comment, name, quietly) => openPanel(name, comment, quietly),
    post: sendPost, account: sendAccount, told: sendTold, panel: sendPanel,
  });
})();
