/* What only some readers ask for, or those who stay: what came since, another order, a thread beyond the depth that is shown, a comment
   that a link names, the Community Managers' comments one by one. widget.js loads it then. */
(() => {
  "use strict";
  const desk = document.documentElement.desk;
  const { $, $$, ask, say, complain, api, parse, page, make, find, dress, count, go, list, mine, threadUrl, unfold, words, word } = desk;

  // ---- What came since: asked about while somebody looks, and shown when she wants it
  const FIRST = 20000, LAST = 300000;
  let wait = FIRST, timer, listening;
  const until = () => $("[data-until]")?.dataset.until;
  const listen = async () => {
    listening = true;
    if (document.hidden) return document.addEventListener("visibilitychange", listen, { once: true });
    const since = until(), found = since && await ask(`${page}/news?since=${since}`);
    if (found && !found.error && since === until()) {
      const n = found.new - desk.told, button = $("#news");
      if (n > 0 && button.dataset.n !== `${n}`) {
        button.dataset.n = n;
        button.textContent = word("news", n).replace(100, "99+");
        desk.still(); // nobody did that: the page around us does not move for it
        button.hidden = false;
        say(word("came", n));
      }
      count(found.count);
    }
    wait = Math.min(wait * 1.2, LAST); // who went away for lunch needs no news
    timer = setTimeout(listen, wait);
  };
  for (const type of ["pointerdown", "keydown"]) document.addEventListener(type, () => {
    if (listening && wait > FIRST * 2) { clearTimeout(timer); timer = setTimeout(listen, 1000); }
    wait = FIRST;
  });
  const sortBy = async (el, sort) => {
    list.setAttribute("aria-busy", "true");
    const found = await ask(threadUrl({ sort }));
    list.removeAttribute("aria-busy");
    const near = $(".sorting") || $("#news");
    if (found.error) return complain(near, found.error, () => sortBy(el, sort));
    complain(near);
    $("#news").hidden = true;
    delete $("#news").dataset.n;
    desk.told = 0;
    $$("#mine > .c:not(.own), #context").forEach((old) => old.remove());
    list.replaceChildren(parse(found.html));
    $$(".own").forEach((own) => mine.prepend(own));
    dress(list);
    if ($("#sort")) say(word("sorted", $("#sort").selectedOptions[0].text));
    return true;
  };
  const news = async () => {
    const before = new Set($$(".c").map((c) => c.dataset.id)), sort = $("#sort");
    if (sort) sort.value = "newest";
    if (!(await sortBy(null, "newest"))) return;
    const fresh = $$("#list .c").filter((c) => !before.has(c.dataset.id));
    fresh.forEach((c) => { c.classList.add("fresh"); unfold(c); });
    say(word("shown", fresh.length));
    fresh[0]?.focus({ preventScroll: true });
  };

  // ---- One thread alone, in place of the conversation, and the way back
  const whole = [".sorting", "#mine", "#list"];
  const back = (link) => {
    $("#context")?.remove();
    for (const query of whole) if ($(query)) $(query).hidden = false;
    if (link?.isConnected) { unfold(link); link.focus({ preventScroll: true }); go(link.closest(".c").dataset.id); }
  };
  let left = null; // where the reader left the conversation
  const surroundings = async (el, id) => {
    const found = await ask(`${api}/comments/${+id}/context`);
    complain(el, found.error);
    return found.error ? null : parse(found.html);
  };
  const alone = async (link) => {
    const fresh = await surroundings(link, link.dataset.id);
    if (!fresh) return;
    if (!$("#context [data-back]")) left = link;
    $("#context")?.remove();
    for (const query of whole) if ($(query)) $(query).hidden = true;
    const button = make("button", words.whole, "button link");
    button.type = "button";
    button.dataset.back = "";
    button.onclick = () => back(left);
    list.before(fresh);
    $("#context").prepend(button);
    dress($("#context"));
    go(link.dataset.id);
  };

  // ---- A comment that the page does not show: under what it answers where that is there, else above the list
  const seek = async (el, id) => {
    if ($("#context [data-back]")) back();
    if (find(id)) return;
    const fresh = await surroundings(el, id);
    if (!fresh) return;
    $("#context")?.remove();
    const chain = [...fresh.firstElementChild.children].filter((c) => c.matches(".c"));
    const known = chain.findLastIndex((c) => find(c.dataset.id));
    if (known < 0) list.before(fresh);
    else {
      const answers = $("#replies", fresh);
      let above = find(chain[known].dataset.id);
      for (const comment of chain.slice(known + 1)) {
        let replies = $(":scope > .replies", above);
        if (!replies) above.append((replies = make("div", "", "replies flat")));
        const more = $(":scope > .more", replies);
        more ? more.before(comment) : replies.append(comment);
        above = comment;
      }
      if (answers) { answers.removeAttribute("id"); above.append(answers); }
    }
    dress();
  };

  // ---- The Community Managers' comments, one after the other
  let theirs, at = 0;
  const managers = async (link) => {
    if (!theirs) {
      const found = await ask(`${page}/managers`);
      if (found.error) return complain(link.parentElement, found.error, () => managers(link));
      theirs = found.ids;
    }
    if (!theirs.length) return;
    const n = at++ % theirs.length;
    $("span", link)?.remove();
    link.append(make("span", ` ${n + 1}/${theirs.length}`));
    await go(theirs[n]);
    if (n === 0 && at > 1) say(words.first);
  };

  Object.assign(desk.acts, { listen, news, sort: sortBy, continue: alone, find: seek, managers });
})();
