// Makes an optional input of an ONNX graph a required one: ONNX Runtime for JavaScript gives no value to optional inputs.

const GRAPH = 7; // the fields of ONNX's messages: ModelProto.graph,
const INITIALIZER = 5; // GraphProto.initializer,
const NAME = 8; // TensorProto.name
const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH_DELIMITED = 2;
const FOUR_BYTES = 5;

// Returns the bytes of a graph in which the input `name` has no default value.
export function withRequiredInput(graph, name) {
  const bytes = Uint8Array.from(graph);
  const decoder = new TextDecoder();
  for (const model of fields(bytes, GRAPH)) {
    for (const tensor of fields(model, INITIALIZER)) {
      for (const text of fields(tensor, NAME)) {
        // Under another name of the same length the default value belongs to no input.
        if (decoder.decode(text) === name) text.fill("_".charCodeAt(0));
      }
    }
  }
  return bytes;
}

// Yields the content of each field `wanted` of a message.
function* fields(message, wanted) {
  let place = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[place++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (place < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === VARINT) varint();
    else if (kind === EIGHT_BYTES) place += 8;
    else if (kind === FOUR_BYTES) place += 4;
    else if (kind === LENGTH_DELIMITED) {
      const length = varint();
      if (Math.floor(tag / 8) === wanted) yield message.subarray(place, place + length);
      place += length;
    } else throw new Error(`model.onnx: expected an ONNX graph, found a field of type ${kind}`);
  }
}
