/* commentsvc: fills <span data-commentsvc-count="https://news.example/article"></span>. See docs/embedding.md. */
(async () => {
  "use strict";
  const script = document.currentScript || document.querySelector('script[src*="/counts.js"][data-site]');
  const base = script.src.replace(/counts\.js.*$/, "");
  if (document.readyState === "loading") await new Promise((done) => addEventListener("DOMContentLoaded", done));
  const spans = [...document.querySelectorAll("[data-commentsvc-count]")];
  const urlOf = (span) => new URL(span.dataset.commentsvcCount || location.href.split("#")[0], location.href).href;
  const urls = [...new Set(spans.map(urlOf))];
  const counts = {}, lang = script.dataset.lang || "";
  for (let i = 0; i < urls.length; i += 100) {
    const query = new URLSearchParams([["words", 1], ["lang", lang], ...urls.slice(i, i + 100).map((url) => ["url", url])]);
    try {
      const answer = await fetch(`${base}embed/${encodeURIComponent(script.dataset.site)}/counts?${query}`);
      if (answer.ok) Object.assign(counts, await answer.json());
    } catch { /* a front page without numbers is still a front page */ }
  }
  const words = counts[""];
  for (const span of spans) {
    const count = counts[urlOf(span)];
    if (count === undefined) continue;
    if (!words) span.textContent = count.toLocaleString(); // answered by a release that has none
    else span.textContent = (words[new Intl.PluralRules(words.lang).select(count)] || words.other).replace("%(num)s", count.toLocaleString(`${words.lang}-u-nu-latn`));
  }
})();
