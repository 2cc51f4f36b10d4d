// Opens the model of this folder with the ONNX Runtime in ./runtime/. Nothing is loaded from another server.

import * as ort from "./runtime/ort.wasm.min.js";
import { open } from "./foretell.js";

const RUNTIME = "./runtime/ort-wasm-simd-threaded";

// Several threads need HTTP headers (cross-origin isolation), which a static file server does not send.
ort.env.wasm.numThreads = 1;
// Scripts have the ending .js: many servers do not know .mjs.
ort.env.wasm.wasmPaths = Object.fromEntries(
  [["mjs", ".js"], ["wasm", ".wasm"]].map(([kind, ending]) => [kind, new URL(RUNTIME + ending, import.meta.url).href]));

// Returns a promise of the model, as `open` of foretell.js.
export function openHere() {
  return open(ort);
}
