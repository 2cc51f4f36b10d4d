// The service worker of the page: files come from the network, and without one from the last visit.

const CACHE = "foretell";
/** @type {any} */
const worker = self;

worker.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const { files } = await (await fetch("model.json")).json();
    const cache = await caches.open(CACHE);
    await cache.addAll(["./", "model.json", ...Object.keys(files).filter((name) => !name.endsWith(".md"))]);
    await worker.skipWaiting();
  })());
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    try {
      const response = await fetch(request);
      if (response.ok) await cache.put(request, response.clone());
      return response;
    } catch (error) {
      const kept = await cache.match(request);
      if (kept) return kept;
      throw error;
    }
  })());
});
