/* Hiding a person for oneself, from the menu of a comment; widget.js loads it for whoever is signed in. */
(() => {
  "use strict";
  const desk = document.documentElement.desk;
  const { $, $$, ask, say, complain, below, api, make } = desk;
  const hides = (comment) => (desk.me.hidden || []).includes(comment.dataset.by);
  const button = (text, does, className = "button link") => Object.assign(make("button", text, className), { type: "button", onclick: does });

  /** The comment without its replies: away, or there again. */
  const lay = (comment, away) => {
    for (const el of comment.children) if (!el.matches(".hid, .replies, .told, .problem")) el.hidden = away;
  };
  const cover = (comment) => {
    const line = make("p", `${desk.me.words.you_hid} `, "quiet hid"), show = button(desk.me.words.show, () => {
      const away = show.ariaExpanded === "true";
      lay(comment, away);
      show.ariaExpanded = !away;
      show.textContent = away ? desk.me.words.show : desk.me.words.cover;
    });
    show.ariaExpanded = false;
    line.style.marginBottom = "6px";
    line.append(show);
    comment.prepend(line);
    lay(comment, true);
  };
  /** Bring all that is there in line with whom she hides. */
  const apply = () => {
    for (const comment of $$(".c[data-by]")) {
      const line = $(":scope > .hid", comment);
      if (hides(comment) === !!line) continue;
      if (!line) cover(comment);
      else { line.remove(); lay(comment, false); }
    }
  };

  const set = async (comment, on, by) => {
    const now = await ask(`${api}/comments/${comment.dataset.id}/hide`, new URLSearchParams({ on: +on }));
    if (now.error) return complain(by?.isConnected ? by : below(comment), now.error, () => set(comment, on, by));
    complain(below(comment));
    $$(":scope > .told", comment).forEach((el) => el.remove());
    desk.me.hidden = now.hidden;
    apply();
    if (on) {
      const told = make("p", `${now.message} `, "told");
      told.append(button(desk.words.undo, () => set(comment, false, told), "button"));
      $(":scope > .hid", comment).after(told);
    }
    ($(":scope > .told button", comment) || $(":scope > .acts summary", comment)).focus();
    say(now.message);
  };

  document.addEventListener("toggle", ({ target: menu }) => {
    const opened = menu.matches?.(".acts > .menu[open]"), comment = opened && menu.closest(".c[data-by]");
    // What the editor adds to a menu comes with the editor, also where nobody wrote yet.
    if (opened && desk.me.user && !desk.acts.quote) desk.load(desk.data.write).then(() => menu.dispatchEvent(new Event("toggle")), () => 0);
    if (!comment) return;
    $(".hide", menu)?.remove();
    if (!desk.me.user || desk.me.id === +comment.dataset.by) return;
    const on = !hides(comment);
    $("div", menu).append(button(on ? desk.me.words.hide_person : desk.me.words.show_person, () => {
      menu.open = false;
      set(comment, on);
    }, "hide"));
  }, true);
  new MutationObserver(apply).observe($("#conversation"), { childList: true, subtree: true });
  apply();
})();
