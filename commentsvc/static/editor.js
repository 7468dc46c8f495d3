/* The editor: marks, a preview, whom to mention, quoting, and editing what one wrote. Follows write.js in one file. */
(() => {
  "use strict";
  const { desk } = document.documentElement, doc = document;
  const { $, $$, ask, say, complain, below, closePanel, count, api, parse, page, data, make, find, keep, draftKey, grow, restore, place, dress, commentOf, words, word } = desk;
  doc.head.append(Object.assign(make("link"), { rel: "stylesheet", href: data.write.replace("write.js", "editor.css"), nonce: $("script").nonce }));

  // ---- Marks, by a command of the browser's own, so that Undo takes them back
  const put = (area, text, start, end) => {
    area.focus();
    area.setSelectionRange(start, end);
    if (!doc.execCommand("insertText", false, text)) {
      area.setRangeText(text, start, end, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };
  const format = (area, mark) => {
    const { selectionStart: start, selectionEnd: end, value } = area, text = value.slice(start, end), size = mark.length;
    if (mark === "> " || mark === "- ") {
      const begin = value.lastIndexOf("\n", start - 1) + 1, lines = value.slice(begin, end);
      const marked = lines.split("\n").every((line) => line.startsWith(mark));
      put(area, lines.split("\n").map((line) => (marked ? line.slice(size) : mark + line)).join("\n"), begin, end);
    } else if (mark === "[") {
      const address = /^https?:\/\/\S+$/.test(text);
      put(area, address ? `[](${text})` : `[${text}](https://)`, start, end);
      const at = address ? start + 1 : start + text.length + 3;
      area.setSelectionRange(at, address ? at : at + 8);
    } else if (value.slice(start - size, start) === mark && value.slice(end, end + size) === mark) {
      put(area, text, start - size, end + size);
      area.setSelectionRange(start - size, end - size);
    } else {
      put(area, mark + text + mark, start, end);
      area.setSelectionRange(start + size, end + size);
    }
  };
  const KEYS = { b: "**", i: "*", k: "[" };
  doc.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target.name !== "body") return;
    if (list && names(event)) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && KEYS[key]) {
      event.preventDefault();
      format(target, KEYS[key]);
    }
  });

  // ---- What it will look like
  const preview = async (form, button) => {
    complain(form);
    $$(".preview", form).forEach((el) => el.remove());
    const now = await ask(`${page}/preview`, new URLSearchParams({ body: form.elements.body.value }));
    if (now.error) return complain(form, now.error, () => preview(form, button));
    const el = parse(now.html).firstElementChild;
    form.append(el);
    el.focus();
  };

  // ---- Whom to mention: a list below the text that the arrow keys walk
  let list = null, area = null, from = 0, asked = 0, chosen = 0;
  const shut = () => {
    list?.remove();
    list = null;
    for (const name of ["aria-activedescendant", "aria-controls"]) area?.removeAttribute(name);
  };
  const choose = (at) => {
    const items = [...list.children];
    chosen = (at + items.length) % items.length;
    items.forEach((li, i) => li.setAttribute("aria-selected", i === chosen));
    area.setAttribute("aria-activedescendant", items[chosen].id);
  };
  const take = () => {
    const li = list.children[chosen], text = `@${li.textContent}#${li.dataset.user} `;
    shut();
    put(area, text, from, area.selectionStart);
  };
  /** Whether the list took the key. */
  const names = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose(chosen + step);
    else if (event.key === "Enter" || event.key === "Tab") take();
    else if (event.key === "Escape") shut();
    else return false;
    event.preventDefault();
    return true;
  };
  doc.addEventListener("input", ({ target }) => {
    if (target.name !== "body" || !desk.me.user) return;
    const typed = /(?:^|[^\p{L}\p{N}_@])@([^@#\n]{1,40})$/u.exec(target.value.slice(0, target.selectionStart));
    const turn = ++asked;
    if (!typed || /^\s/.test(typed[1])) return shut();
    setTimeout(async () => {
      if (turn !== asked) return;
      const now = await ask(`${page}/people?q=${encodeURIComponent(typed[1])}`);
      if (turn !== asked) return;
      shut();
      if (now.error || !now.people.length || doc.activeElement !== target) return;
      area = target;
      from = area.selectionStart - typed[1].length - 1;
      list = make("ul", "", "names");
      list.id = "names";
      list.setAttribute("role", "listbox");
      list.setAttribute("aria-label", desk.me.words.names);
      now.people.forEach(({ id, name }, i) => {
        const li = make("li", name);
        li.id = `name-${i}`;
        li.dir = "auto";
        li.dataset.user = id;
        li.setAttribute("role", "option");
        li.onmousedown = (event) => { event.preventDefault(); choose(i); take(); };
        list.append(li);
      });
      area.setAttribute("aria-autocomplete", "list");
      area.setAttribute("aria-controls", "names");
      area.after(list);
      choose(0);
      words.people = desk.me.words.people;
      say(word("people", now.people.length));
    }, 150);
  });
  doc.addEventListener("focusout", ({ target }) => { if (target === area) shut(); });

  // ---- Quoting: what is selected in a comment, when somebody replies to it
  let quoted = "", quotedOf = null;
  doc.addEventListener("selectionchange", () => {
    const selection = getSelection(), node = selection.anchorNode?.parentElement;
    if (selection.isCollapsed || !node) return;
    const text = node.closest(".text"), comment = text && commentOf(text);
    if (comment && text.contains(selection.focusNode)) { quoted = selection.toString().trim(); quotedOf = comment; }
    else if (!node.closest(".acts")) quotedOf = null;
  });
  const quoteInto = (form, comment, text) => {
    const field = form.elements.body;
    put(field, `${field.value && !field.value.endsWith("\n") ? "\n\n" : ""}${text.replace(/^/gm, "> ")}\n\n`, field.value.length, field.value.length);
  };
  const { reply } = desk.acts;
  desk.acts.reply = (link, comment) => {
    const text = quotedOf === comment ? quoted : "";
    quotedOf = null;
    reply(link, comment);
    const form = $(':scope > [data-for="reply"]', comment);
    if (form && text) quoteInto(form, comment, text);
  };
  desk.acts.quote = (_, comment) => {
    quoted = $(":scope > .text", comment).innerText.trim();
    quotedOf = comment;
    desk.acts.reply(_, comment);
  };

  // ---- Editing what one wrote
  const openEdit = async (link, comment) => {
    const found = await ask(`${api}/comments/${comment.dataset.id}/source`);
    if (found.error) return complain(below(comment), found.error, () => openEdit(link, comment));
    closePanel();
    const form = parse(found.html).querySelector("form"), field = form.elements.body, text = field.value;
    field.value = "";
    restore(form); // what was typed here before
    field.value ||= text;
    below(comment).after(form);
    grow(field);
    field.focus();
  };
  /** Show an edit for its author alone, below what others read, or in its place where it is accepted. */
  const showEdit = (id, status, html) => {
    const comment = find(id), text = comment && $(":scope > .text", comment);
    if (!text) return;
    $$(":scope > .edit:not(.text)", comment).forEach((el) => el.remove());
    const el = parse(html).firstElementChild;
    status === "published" ? text.replaceWith(el) : text.after(el);
    if (status === "pending") setTimeout(look, 1500, id, 1500);
  };
  const look = async (id, wait) => {
    if (!find(id)) return;
    const now = await ask(`${api}/comments/${id}/state`);
    if (now.error?.status && now.error.code !== "busy") return;
    if (now.error || now.status === "edit-pending") return setTimeout(look, wait, id, Math.min(wait * 1.5, 30000));
    settleEdit(now);
    say(now.say);
  };
  const settleEdit = (now) => {
    if (now.status.startsWith("edit-")) return showEdit(now.id, now.status.slice(5), now.html);
    const comment = find(now.id), fresh = parse(now.html);
    if (now.status !== "published" || comment.classList.contains("own")) { place(now.html, now.id, now.parent); desk.watch(now.id, now.status); }
    else {
      $$(":scope > .edit:not(.text)", comment).forEach((el) => el.remove());
      $(":scope > .text", comment).replaceWith($(".text", fresh));
      $(":scope > .by", comment).replaceWith($(".by", fresh));
      dress(comment);
    }
    count(now.count);
  };
  const sendEdit = async (form) => {
    const comment = commentOf(form), now = await ask(form.action, new FormData(form));
    if (now.error) { complain(form, now.error, () => form.requestSubmit()); return form.elements.body.focus(); }
    keep(draftKey(form), "");
    form.remove();
    settleEdit(now);
    (find(now.id) || comment).focus({ preventScroll: true });
    say(now.say);
  };
  // Her own comments get their "Edit" when their menu opens; the page is the same for everybody.
  doc.addEventListener("toggle", ({ target }) => {
    if (!target.open || !target.matches?.(".acts .menu")) return;
    const comment = commentOf(target), menu = $("div", target), id = +comment.dataset.id;
    const add = (act, text, wanted) => {
      const there = $(`[data-act=${act}]`, menu);
      if (wanted && !there) menu.prepend(Object.assign(make("a", text), { href: "#" }));
      if (wanted && !there) menu.firstChild.dataset.act = act;
      if (!wanted) there?.remove();
    };
    const age = (Date.now() - new Date($("time", comment).dateTime)) / 1000;
    if (!desk.me.user) return;
    add("edit", desk.me.words.edit, desk.me.own.includes(id) && age < desk.me.window);
    add("quote", desk.me.words.quote, $("[data-act=reply]", comment));
  }, true);

  const { post, panel } = desk.acts;
  Object.assign(desk.acts, {
    format, edit: openEdit,
    post: (form, button) => (button?.matches("[data-preview]") ? preview(form, button) : ($$(".preview", form).forEach((el) => el.remove()), post(form))),
    panel: (form, button) => (form.dataset.for === "edit" ? sendEdit(form) : panel(form, button)),
    edits: () => desk.me.edits.forEach((e) => showEdit(e.id, e.status, e.html)),
  });
})();
