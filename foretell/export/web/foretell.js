// A foretell model in JavaScript, run by ONNX Runtime. `open` returns a text classifier or a language model.

import { withRequiredInput } from "./graph.js";
import { KneserNey } from "./kneser_ney.js";
import { Labels } from "./labels.js";
import { Tfidf } from "./tfidf.js";
import { Tokens } from "./tokens.js";
import { Words } from "./words.js";

// Opens the model of this folder.
//   ort   ONNX Runtime: onnxruntime-web, onnxruntime-node, or the module in ./runtime/
//   read  returns a promise of the bytes of a file of this folder, given its name; the default fetches it
// Returns a promise of a Labels or a Words object.
export async function open(ort, read = fetchFile) {
  const decoder = new TextDecoder();
  const readJson = async (name) => JSON.parse(decoder.decode(await read(name)));
  const description = readJson("model.json");
  const [model, vocabulary, graph, scores, counts] = await Promise.all([
    description,
    readJson("tokenizer.json"),
    read("model.onnx"),
    // Only some models have these files, and model.json shows which.
    description.then(({ tfidf }) => (tfidf ? read(tfidf) : null)),
    description.then(({ kneser_ney: name }) => (name ? read(name) : null)),
  ]);
  const tokens = new Tokens(vocabulary, model.tokens);
  const tfidf = scores && new Tfidf(new Uint8Array(scores));
  const bytes = tfidf ? withRequiredInput(graph, "tfidf_scores") : new Uint8Array(graph);
  // Errors only: a page's console is no place for ONNX Runtime's remarks on the graph.
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  return model.job === "labels"
    ? new Labels(ort, session, tokens, model, tfidf)
    : new Words(ort, session, tokens, model, counts && new KneserNey(new Uint8Array(counts), model.tokens.size));
}

async function fetchFile(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) {
    throw new Error(`${name}: expected a file, found HTTP status ${response.status}; copy the whole exported folder`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
