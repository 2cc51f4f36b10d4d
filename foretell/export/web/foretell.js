// A foretell model in JavaScript, run by ONNX Runtime. `open` returns a text classifier or a language model.

import { Labels } from "./labels.js";
import { Tokens } from "./tokens.js";
import { Words } from "./words.js";

// Opens the model of this folder.
//   ort   ONNX Runtime: onnxruntime-web, onnxruntime-node, or the module in ./runtime/
//   read  returns a promise of the bytes of a file of this folder, given its name; the default fetches it
// Returns a promise of a Labels or a Words object.
export async function open(ort, read = fetchFile) {
  const decoder = new TextDecoder();
  const readJson = async (name) => JSON.parse(decoder.decode(await read(name)));
  const [model, vocabulary, graph] = await Promise.all([
    readJson("model.json"),
    readJson("tokenizer.json"),
    read("model.onnx"),
  ]);
  const tokens = new Tokens(vocabulary, model.tokens);
  const session = await ort.InferenceSession.create(new Uint8Array(graph));
  return model.job === "labels" ? new Labels(ort, session, tokens, model) : new Words(ort, session, tokens, model);
}

async function fetchFile(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) {
    throw new Error(`${name}: expected a file, found HTTP status ${response.status}; copy the whole exported folder`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
