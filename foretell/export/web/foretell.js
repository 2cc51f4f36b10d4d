// A model of foretell's, run by ONNX Runtime: `open` gives a classifier or a language model.

import { Labels } from "./labels.js";
import { Tokens } from "./tokens.js";
import { Words } from "./words.js";

// Open the model in this folder.
//   ort   ONNX Runtime: onnxruntime-web, onnxruntime-node, or what ./runtime/ holds
//   read  gives the bytes of a file of this folder by its name; by default it is fetched
export async function open(ort, read = fetched) {
  const text = new TextDecoder();
  const json = async (name) => JSON.parse(text.decode(await read(name)));
  const [model, vocabulary, graph] = await Promise.all([
    json("model.json"),
    json("tokenizer.json"),
    read("model.onnx"),
  ]);
  const tokens = new Tokens(vocabulary, model.tokens);
  const session = await ort.InferenceSession.create(new Uint8Array(graph));
  return model.job === "labels" ? new Labels(ort, session, tokens, model) : new Words(ort, session, tokens, model);
}

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: expected a file, found status ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
