// Give the sign-in to the conversation that opened this window, if that is a page of our own; nobody else can read it.
const code = document.currentScript?.dataset.code || document.querySelector("script[data-code]").dataset.code;
if (window.opener) {
  window.opener.postMessage({ commentsvc: "signed-in", code }, location.origin);
  setTimeout(() => window.close(), 300);
} else {
  document.getElementById("alone").hidden = false;
}
