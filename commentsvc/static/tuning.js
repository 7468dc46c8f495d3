// The tuning page: a slider beside each number, and its sentence and lines move with it. Without this the form does the same.
(() => {
  "use strict";
  const main = document.querySelector("main.tuning");
  const source = document.getElementById("tuning-data");
  if (!main || !source) return;
  let data = JSON.parse(source.textContent);
  const panels = [...main.querySelectorAll("[data-label]")];
  const form = main.querySelector("form.tuner");
  const said = JSON.parse(document.getElementById("script-words")?.textContent || "{}")["%(label)s: hold from"] || "%(label)s: hold from";

  const fill = (where, texts) => {
    for (const place of where.querySelectorAll("[data-number]")) {
      const text = texts[place.dataset.number];
      if (text !== undefined && place.textContent !== text) place.textContent = text;
    }
  };

  // A limit that is no hundredth is the one that holds now: its own numbers come with the page.
  const textsAt = (label, value, now) => {
    const known = data.labels[label];
    if (Math.abs(value - now) < 1e-9) return known.now;
    return known.steps[Math.round(value * 100) - 1];
  };

  const show = (panel) => {
    const number = panel.querySelector("input[type=number]");
    const value = Number(number.value);
    if (!(value > 0 && value <= 1)) return;
    const texts = textsAt(panel.dataset.label, value, Number(number.dataset.now));
    if (!texts) return;
    fill(panel, texts);
    for (const line of panel.querySelectorAll("line.marker")) {
      const zero = Number(line.dataset.zero);
      const x = (zero + value * (Number(line.dataset.one) - zero)).toFixed(1);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
    const use = panel.querySelector("a.use");
    if (use && data.settings) {
      const name = `hold_${panel.dataset.label}`;
      use.href = `${data.settings}?${name}=${encodeURIComponent(texts.threshold)}#${name}`;
    }
  };

  // What one label lets pass, another may hold: once it has come to rest, all are counted together.
  let asking = null;
  const recount = async () => {
    asking?.abort();
    asking = new AbortController();
    const address = new URL(main.dataset.tuningUrl, location.href);
    const shown = new URL(location.href);
    for (const panel of panels) {
      const number = panel.querySelector("input[type=number]");
      const moved = Number(number.value) !== Number(number.dataset.now);
      for (const one of [address, shown]) {
        if (moved) one.searchParams.set(panel.dataset.label, number.value);
        else one.searchParams.delete(panel.dataset.label);
      }
    }
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: asking.signal });
      if (!answer.ok) return;
      data = await answer.json();
    } catch {
      return; // offline, or moved again: each label's own numbers still hold
    }
    history.replaceState(null, "", shown);
    if (data.together) fill(document.getElementById("together"), data.together);
    panels.forEach(show);
  };

  for (const panel of panels) {
    const number = panel.querySelector("input[type=number]");
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = "0.01";
    slider.max = "1";
    slider.step = "0.01";
    slider.value = number.value;
    slider.setAttribute("aria-label", said.replace("%(label)s", panel.querySelector("h2").textContent));
    number.before(slider);
    slider.addEventListener("input", () => {
      number.value = Number(slider.value).toFixed(2);
      show(panel);
    });
    number.addEventListener("input", () => {
      if (number.value) slider.value = number.value;
      show(panel);
    });
    for (const one of [slider, number]) one.addEventListener("change", recount);
  }
  form.querySelector("#model")?.addEventListener("change", () => form.requestSubmit());
})();
