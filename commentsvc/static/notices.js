/* The bell and "Follow" in a conversation's head, for whoever presses them; widget.js loads it then. */
(() => {
  "use strict";
  const desk = document.documentElement.desk;
  const { $, ask, say, complain, page, parse, make, go } = desk;

  const style = (href) => style[href] ||= new Promise((done) => { // without it the panel still reads well
    const link = Object.assign(make("link"), { rel: "stylesheet", href, nonce: $("script").nonce, onload: done, onerror: done });
    document.head.append(link);
  });
  const paint = (now) => {
    const bell = $("#bell"), badge = $(".badge", bell);
    badge.textContent = now.count;
    badge.hidden = !now.unread;
    bell.setAttribute("aria-label", now.label);
  };
  const close = () => {
    $("#notices")?.remove();
    $("#bell").setAttribute("aria-expanded", false);
    $("#bell").focus({ preventScroll: true });
  };
  const draw = async () => {
    const found = await ask(`${page}/notifications`);
    if (found.error) return complain($(".head"), found.error, draw);
    complain($(".head"));
    const panel = parse(found.html).firstElementChild;
    $("#notices")?.remove();
    $(".head").after(panel);
    desk.dress(panel);
    $("#bell").setAttribute("aria-expanded", true);
    return panel;
  };
  const open = async (bell) => {
    if ($("#notices")) return close();
    await style(bell.dataset.css);
    (await draw())?.focus({ preventScroll: true });
  };
  const send = async (sent) => {
    const now = await ask(`${page}/notifications/read`, new URLSearchParams(sent));
    if (now.error) return complain($("#notices") || $(".head"), now.error, () => send(sent));
    paint(now);
    return now;
  };
  const readAll = async (form) => {
    const now = await send({ until: form.elements.until.value });
    if (!now || !$("#notices")) return;
    (await draw())?.focus({ preventScroll: true });
    say(now.say);
  };
  const read = (item) => {
    item.classList.remove("unread");
    $(".new", item)?.remove();
    return { id: item.dataset.id };
  };

  const follow = async (button) => {
    if (button.dataset.busy) return;
    button.dataset.busy = 1;
    const now = await ask(button.form.action, new URLSearchParams({ on: button.value }));
    delete button.dataset.busy;
    if (now.error) return complain($(".head"), now.error, () => follow(button));
    complain($(".head"));
    button.value = now.following ? 0 : 1;
    button.textContent = now.label;
    button.setAttribute("aria-pressed", now.following);
    say(now.say);
  };

  document.addEventListener("keydown", ({ key, target }) => {
    if (key === "Escape" && $("#notices") && (target.closest("#notices") || target.id === "bell")) close();
  });
  document.addEventListener("click", (event) => {
    const { target } = event, link = target.closest("#notices li a"), item = link?.closest("li");
    if (target.closest("#notices .close")) return close();
    if (!link) return;
    const unread = item.classList.contains("unread"), sent = unread && read(item);
    if (link.dataset.here && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      close();
      if (unread) send(sent);
      go(link.dataset.here);
    } else if (unread) { // the page may be left before an answer comes
      navigator.sendBeacon(`${page}/notifications/read`, new URLSearchParams({ ...sent, csrf_token: desk.me.csrf }));
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "read-all") return;
    event.preventDefault();
    readAll(event.target);
  });
  Object.assign(desk.acts ||= {}, { bell: open, follow });
})();
