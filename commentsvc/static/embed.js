/* commentsvc: one tag puts the conversation under an article. See docs/embedding.md. */
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script) return;
  const base = script.src.replace(/embed\.js.*$/, "");
  const service = new URL(base).origin;
  const linked = () => /^#comment-(\d+)$/.exec(location.hash)?.[1];
  // Without a canonical link: what campaigns add to an address makes no article of its own. The service does the same.
  const untracked = (href) => {
    const url = new URL(href), kept = url.search.slice(1).split("&").filter((part) => !TRACKING.test(part));
    url.hash = "";
    url.search = kept.join("&");
    return url.href;
  };
  const TRACKING = /^(utm_[^=]*|[gd]clid|[gw]braid|fbclid|msclkid|twclid|ttclid|yclid|igshid|mc_[ce]id)(=|$)/;
  // Each also as data-…: what the one tag has, and pages whose templates must be valid HTML.
  const NAMES = ["site", "article", "url", "title", "section", "lang", "theme", "accent", "background", "font", "radius", "sort", "size"];
  const night = matchMedia("(prefers-color-scheme: dark)");

  // Set from here, so that the page's own content policy needs no 'unsafe-inline' for it.
  const STYLE = `:host{display:flow-root}.b{display:grid}.b>*{grid-area:1/1;min-width:0}
iframe{width:100%;border:0;opacity:0;display:block}:host([ready]) iframe{opacity:1}:host([ready]) .s,.m,:host([failed]) .s,:host([failed]) iframe{display:none}
:host([failed]) .m{display:block}.k{padding:48px 4px 0}.c{display:grid;grid-template-columns:32px 1fr;gap:10px;margin:0 0 28px}.c i{height:12px;border-radius:4px;background:currentColor;opacity:.12}
.c i:first-child{grid-row:span 3;height:32px;border-radius:50%}.c i:nth-child(2){width:28%}
.m{padding:24px 4px;font:15px/1.5 system-ui,sans-serif}.m button{font:inherit;min-height:36px;padding:4px 14px;margin-inline-end:12px}`;
  const BONES = "<i></i><i></i><i></i><i></i>";
  const HTML = `<div class="b"><div class="s"><slot><div class="k" aria-hidden="true"><div class="c">${BONES}</div><div class="c">${BONES}</div></div></slot></div>` +
    '<div class="m" role="alert" dir="auto"><p>The comments could not be loaded.</p><button type="button">Try again</button><a target="_blank">Open them on their own page</a></div></div>';

  // Many browsers give a frame of another site no storage. What readers have typed is then kept in
  // this page's own: so far, or with [key, value] from now on.
  const kept = (entry) => {
    try {
      const found = JSON.parse(localStorage.commentsvc || "{}");
      if (!entry) return found;
      if (entry[1]) found[entry[0]] = entry[1];
      else delete found[entry[0]];
      localStorage.commentsvc = JSON.stringify(found);
    } catch { /* blocked here too */ }
  };

  // Any colour as #rrggbb; what is none stays as it is, and the service ignores it.
  const hex = (colour) => {
    if (!CSS.supports("color", colour)) return colour;
    const pen = document.createElement("canvas").getContext("2d");
    pen.fillStyle = colour;
    return pen.fillStyle;
  };

  class Thread extends HTMLElement {
    static observedAttributes = ["sso", ...NAMES.flatMap((name) => [name, `data-${name}`])];

    attributeChangedCallback(name, old, now) {
      if (!this.frame || old === now) return;
      if (name === "sso") this.tell(this.sso());
      else if (name.endsWith("theme")) this.repaint();
      else this.soon();
    }

    /** Whom the publisher signed in, or ("") out. */
    sso() { return this.hasAttribute("sso") ? { sso: this.getAttribute("sso") } : {}; }

    /** Load anew, once for all that changes now. */
    soon() {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.load());
    }

    /** An attribute of ours; one without a value is none. */
    get(name) { return this.getAttribute(name) || this.getAttribute(`data-${name}`); }

    /** The look asked for: by attribute, else by a CSS variable of the page. */
    look() {
      const style = getComputedStyle(this), found = { font: style.fontFamily };
      for (const name of ["accent", "background", "font", "radius"]) {
        const value = this.get(name) || style.getPropertyValue(`--commentsvc-${name}`).trim();
        if (value) found[name] = name < "c" ? hex(value) : value;
      }
      if (style.direction === "rtl") found.dir = "rtl";
      return found;
    }

    repaint() {
      this.tell({ theme: this.paint() });
      if (this.frame && JSON.stringify(this.look()) !== this.looked) this.soon();
    }

    connectedCallback() {
      if (!this.shadowRoot) {
        const shadow = this.attachShadow({ mode: "open" });
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(STYLE);
        shadow.adoptedStyleSheets = [sheet];
        shadow.innerHTML = HTML;
        shadow.querySelector("button").onclick = () => this.load();
      }
      // A screen of room, so that what follows is out of view when the conversation has its height;
      // not where that would push away what can be seen already.
      const { bottom, height } = this.getBoundingClientRect();
      if (bottom >= innerHeight || height < 220) this.style.minHeight = "100vh";
      const { signal } = (this.life = new AbortController());
      const on = (target, type, does) => target.addEventListener(type, does, { signal, capture: true });
      const watch = (observer, ...all) => {
        for (const el of all) observer.observe(el, { attributes: true });
        on(signal, "abort", () => observer.disconnect());
      };
      const repaint = () => this.repaint();
      on(window, "message", (event) => this.hear(event));
      on(window, "hashchange", () => linked() && this.tell({ comment: linked() }));
      for (const type of ["scroll", "resize"]) on(window, type, () => this.held && this.fit());
      on(night, "change", repaint);
      watch(new MutationObserver(repaint), document.documentElement, document.body);
      // A link to one comment is why the reader came: then at once.
      if (linked()) this.load();
      watch(new IntersectionObserver((entries) => {
        if (entries.at(-1).isIntersecting && !this.frame) this.load();
      }, { rootMargin: "600px" }), this);
    }

    /** A page without reloads takes its article away: nothing of ours stays behind, and it can be put back. */
    disconnectedCallback() {
      this.life.abort();
      clearTimeout(this.timer);
      clearTimeout(this.later);
      this.frame?.remove();
      this.frame = this.held = this.ready = null;
      this.style.minHeight = "";
      for (const name of ["ready", "failed"]) this.removeAttribute(name);
    }

    /** The theme asked for; without one, what the page itself looks like, whatever the device prefers. */
    paint() {
      let seen = getComputedStyle(this).colorScheme.includes("dark") && night.matches ? "dark" : "light";
      for (let el = this; el; el = el.parentElement) {
        const rgb = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?/.exec(getComputedStyle(el).backgroundColor);
        if (rgb && !(rgb[4] < 0.5)) {
          seen = rgb[1] * 0.299 + rgb[2] * 0.587 + rgb[3] * 0.114 < 128 ? "dark" : "light";
          break;
        }
      }
      // Browsers let the page show through a frame of the same scheme, and put a solid ground behind
      // any other: a dark conversation on a white page stays readable.
      if (this.frame) this.frame.style.colorScheme = seen;
      const asked = this.get("theme");
      return ["light", "dark"].includes(asked) ? asked : seen;
    }

    /** The height that the conversation needs: had at once where the lower edge is, and stays, below what is in view, or
        where the reader has acted in it. Else what follows would move before her eyes: the room stays as it is. */
    fit({ height, acted } = this.held) {
      const style = getComputedStyle(this), room = this.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
      const calm = this.getBoundingClientRect().bottom - Math.max(0, room - height) >= innerHeight;
      const now = calm || acted ? height : Math.min(height, room);
      if (calm || now > room) this.style.minHeight = "";
      else if (!acted) this.style.minHeight = style.height;
      this.frame.style.height = `${now}px`;
      this.held = !calm && { height, acted };
      this.tell({ cut: height - now > 56 }); // it ends with so much blank: cut off, that is not missed
    }

    load() {
      const meta = (query, name) => document.querySelector(query)?.[name];
      const look = this.look(), article = this.get("article") || this.get("url"), site = this.get("site");
      this.looked = JSON.stringify(look);
      const query = new URLSearchParams({ theme: this.paint(), ...look });
      if (/^\d+$/.test(article)) query.set("article", article);
      else query.set("url", new URL(article || meta("link[rel=canonical]", "href") || untracked(location.href), location.href).href);
      query.set("title", this.get("title") || meta('meta[property="og:title"]', "content") || document.title);
      const section = this.get("section") ?? meta('meta[property="article:section"]', "content");
      if (section) query.set("section", section);
      for (const name of ["sort", "size", "lang"]) if (this.get(name)) query.set(name, this.get(name));
      const path = `${base}embed/${encodeURIComponent(site)}/thread?${query}`;
      // After the #: these reach the page in the iframe, not the server, so that it stays cacheable.
      const hash = new URLSearchParams({ host: location.origin, comment: linked() || "" });
      this.removeAttribute("failed");
      // What stood here keeps its room until the conversation needs as much, or nobody looks.
      this.style.minHeight = getComputedStyle(this).height;
      this.frame?.remove();
      const frame = (this.frame = document.createElement("iframe"));
      Object.assign(frame, { referrerPolicy: "strict-origin-when-cross-origin", allow: "clipboard-write", scrolling: "no" });
      const fail = (wait) => { clearTimeout(this.timer); this.timer = setTimeout(() => {
        if (this.ready) return;
        this.setAttribute("failed", "");
        // In the conversation's language, where the service can be reached at all.
        import(path.replace("/thread?", "/words?")).then((words) => words.default.map((text, i) => (this.shadowRoot.querySelector(".m").children[i].textContent = text)), () => 0);
        console.warn(`commentsvc: no answer from ${path}. If ${location.origin} is not among the origins of the site "${site}", add it in ${base}review/`);
      }, wait); };
      this.ready = this.held = false;
      fail(20000);
      frame.onload = () => this.ready || fail(4000); // an error page, or blocked: it never says that it is ready
      frame.src = `${path}#${hash}`;
      this.shadowRoot.querySelector("a").href = path;
      this.shadowRoot.querySelector(".b").append(frame);
      this.paint();
    }

    tell(message) {
      if (this.ready) this.frame.contentWindow.postMessage({ commentsvc: 1, ...message }, service);
    }

    hear(event) {
      const message = event.data;
      if (event.origin !== service || event.source !== this.frame?.contentWindow || message?.commentsvc !== 1) return;
      if (message.hello) {
        this.ready = true;
        this.removeAttribute("failed");
        this.frame.title = message.title || "";
        this.tell({ theme: this.paint(), kept: kept(), ...this.sso() });
      }
      if (message.keep) kept(message.keep);
      // In the frame that shows it: whoever scrolls on in the meantime finds nothing moved.
      requestAnimationFrame(() => {
        if (event.source !== this.frame?.contentWindow) return;
        if (message.height > 0) {
          this.fit(message);
          this.setAttribute("ready", "");
        }
        if (message.scroll >= 0) scrollBy(0, this.frame.getBoundingClientRect().top + message.scroll - innerHeight / 4);
      });
    }
  }

  if (!customElements.get("commentsvc-thread")) customElements.define("commentsvc-thread", Thread);
  if (!script.dataset.site) return;
  const thread = document.createElement("commentsvc-thread");
  Object.assign(thread.dataset, script.dataset);
  if (script.closest("head")) addEventListener("DOMContentLoaded", () => document.body.append(thread));
  else script.after(thread);
})();
