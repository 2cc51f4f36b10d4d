// The model of this folder, run by the ONNX Runtime that lies in ./runtime/: nothing is fetched from elsewhere.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { open } from "./foretell.js";

// One thread: more would need headers that a static folder cannot set.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;

export function openHere() {
  return open(ort);
}
