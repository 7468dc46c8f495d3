// Starts Swagger UI. The token typed under "Authorize" is forgotten with the page.
(() => {
  "use strict";
  const place = document.getElementById("api");
  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.document,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "none",  // of so many operations Swagger UI would draw the first few alone
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: true,
    validatorUrl: null,
    withCredentials: false,
  });
})();
