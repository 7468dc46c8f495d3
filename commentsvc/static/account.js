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
  const most = Number(field.dataset.most), lang = document.documentElement.lang, plural = new Intl.PluralRules(lang);
  const words = JSON.parse(said.dataset.words);
  const say = (forms, n) => (forms[plural.select(n)] || forms.other).replace("%(num)s", n.toLocaleString(`${lang}-u-nu-latn`));
  const tell = () => {
    const left = most - [...field.value.trim()].length;
    said.hidden = left > most / 10;
    said.textContent = left < 0 ? say(words.over, -left) : say(words.left, left);
  };
  field.addEventListener("input", tell);
  tell();
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Passkeys: a form whose press asks the browser first, and is sent with what the browser made. Hidden where there are none.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const read = (options) => ({
  ...options,
  challenge: bytes(options.challenge),
  ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
  ...Object.fromEntries(["allowCredentials", "excludeCredentials"].filter((list) => options[list]).map((list) => [
    list, options[list].map((one) => ({ ...one, id: bytes(one.id) })),
  ])),
});

const written = ({ id, rawId, type, response }) => {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  return JSON.stringify({
    id, rawId: text(rawId), type,
    response: {
      ...Object.fromEntries(parts.filter((part) => response[part]).map((part) => [part, text(response[part])])),
      ...(response.getTransports && { transports: response.getTransports() }),
    },
  });
};

const optionsOf = async (form) => {
  if (form.dataset.options) return { options: form.dataset.options };
  const body = new FormData();
  body.set("csrf_token", form.elements.csrf_token.value);
  const answer = await fetch(form.dataset.optionsUrl, { method: "POST", body });
  if (!answer.ok || !answer.headers.get("Content-Type").includes("json")) throw new Error("refused");
  return answer.json();
};

for (const form of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  for (const other of document.querySelectorAll("[data-without-passkeys]")) other.hidden = true;
  const problem = form.querySelector(":scope > .error"), button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    problem.hidden = button.disabled = true;
    try {
      const { ticket, options } = await optionsOf(form), publicKey = read(JSON.parse(options));
      const made = await navigator.credentials[form.dataset.passkey]({ publicKey });
      if (ticket) form.elements.ticket.value = ticket;
      form.elements.credential.value = written(made);
      form.requestSubmit();
    } catch (error) {
      problem.textContent = problem.dataset[error.name.toLowerCase()] || problem.dataset.failed;
      problem.hidden = button.disabled = false;
    } finally {
      button.disabled = false;
    }
  });
}
