// Says what is wrong where a browser loads no modules of this page, and keeps the page for a visit without a network.
{
  const say = (problem) => {
    document.getElementById("status").textContent = `The model cannot be opened: ${problem}`;
  };
  addEventListener("error", ({ target }) => {
    if (target instanceof HTMLScriptElement) {
      say(`the browser refused ${target.src} or a script that it needs. Copy the whole folder, and serve .js files as ` +
        "text/javascript.");
    }
  }, true);
  addEventListener("DOMContentLoaded", () => {
    if (location.protocol === "file:") {
      say("browsers load no modules from a file. Serve the folder by HTTP: python -m http.server, then open " +
        "http://localhost:8000");
    } else navigator.serviceWorker?.register("offline.js").catch(() => {});
  });
}
