// Opens the model of this folder with the ONNX Runtime in ./runtime/. Nothing is loaded from another server.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { open } from "./foretell.js";

// Several threads need HTTP headers (cross-origin isolation), which a static file server does not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;

// Returns a promise of the model, as `open` of foretell.js.
export function openHere() {
  return open(ort);
}
