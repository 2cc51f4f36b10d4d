// Programs that ask the service about the text of a view.

import { make } from "./elements.js";
import { hasToken } from "./service.js";

// Shows the programs in <details> while it is open; `request()` gives the path under /v1 and the body of the request.
export function showPrograms(details, request) {
  const show = () => {
    const programs = details.open ? Object.entries(programsOf(...request())) : [];
    details.querySelector("div").replaceChildren(...programs.map(([name, program]) =>
      make("figure", {}, make("figcaption", { class: "soft" }, name),
        make("pre", { tabindex: "0" }, make("code", {}, program)))));
  };
  details.addEventListener("toggle", show);
  return show;
}

function programsOf(path, body) {
  const url = new URL(`v1/${path}`, location.href).href;
  const json = JSON.stringify(body);
  const headers = { "Content-Type": "application/json", ...(hasToken() ? { Authorization: "Bearer TOKEN" } : {}) };
  const common = `body = ${json}\nheaders = ${JSON.stringify(headers)}\n`;
  const lines = Object.entries(headers).map(([name, value]) => `  -H '${name}: ${value}' \\\n`).join("");
  return {
    curl: `curl ${url} \\\n${lines}  -d '${json.replaceAll("'", "'\\''")}'`,
    Python: `import json\nfrom urllib.request import Request, urlopen\n\n${common}` +
      `request = Request("${url}", json.dumps(body).encode(), headers)\nprint(json.load(urlopen(request)))`,
    JavaScript: `const ${common.replace("\nheaders", ";\nconst headers").trim()};\nconst response = await fetch("${url}", ` +
      "{ method: \"POST\", headers, body: JSON.stringify(body) });\nconsole.log(await response.json());",
  };
}
