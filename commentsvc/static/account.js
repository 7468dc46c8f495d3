// Copy buttons: shown only where the browser can copy. Without them the text is selected by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  if (!field || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = button.dataset.done;
    } catch {
      field.select();
    }
  });
}

// How much is left of a text with a limit; the server counts, this only says so in time.
for (const said of document.querySelectorAll("[data-count-of]")) {
  const field = document.getElementById(said.dataset.countOf);
  if (!field) continue;
  const most = Number(field.dataset.most);
  const tell = () => {
    const left = most - [...field.value.trim()].length;
    said.hidden = left > most / 10;
    said.textContent = left < 0 ? `${-left} characters too long` : `${left} characters left`;
  };
  field.addEventListener("input", tell);
  tell();
}
