/* The settings: says what is not saved yet, and asks before it is left. Without this file the forms work as they are. */
(() => {
  "use strict";
  let sending = false;
  const dirty = new Set();
  const state = (form) => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value instanceof File ? value.name : value]));

  for (const form of document.querySelectorAll("form[data-watch]")) {
    // What came back with an error, or with somebody else's change, was never saved.
    const refused = document.querySelector("main .notice.bad, main .notice.careful[role=alert]") !== null;
    const saved = refused || form.querySelector("#result") ? null : state(form);
    const note = form.querySelector("[data-unsaved]");
    const look = () => {
      const changed = state(form) !== saved;
      dirty[changed ? "add" : "delete"](form);
      if (note) note.hidden = !changed;
    };
    form.addEventListener("input", look);
    form.addEventListener("submit", () => { sending = true; });
    look();
  }
  addEventListener("pageshow", () => { sending = false; });
  addEventListener("beforeunload", (event) => { if (dirty.size && !sending) event.preventDefault(); });
  // Enter in a field saves; it must not press the button that tries a text, which stands first.
  for (const form of document.querySelectorAll("form[data-watch]")) {
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox], [type=radio], [type=file])")) return;
      event.preventDefault();
      const buttons = form.querySelectorAll("button");
      form.requestSubmit(buttons[buttons.length - 1]);
    });
  }
  const result = document.querySelector("[data-focus]");
  if (result) { result.focus({ preventScroll: true }); result.scrollIntoView({ block: "nearest" }); }
})();
