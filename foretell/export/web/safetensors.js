// Arrays of numbers in the format of safetensors.

const ARRAYS = {
  I64: BigInt64Array, U32: Uint32Array, U16: Uint16Array, U8: Uint8Array, F32: Float32Array,
};

// Returns a Map from the name of each array to its numbers.
export function readSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  delete header.__metadata__;
  // A copy, because a view has to begin at a multiple of its numbers' size.
  const array = ({ dtype, data_offsets: [first, last] }) =>
    new ARRAYS[dtype](Uint8Array.from(bytes.subarray(start + first, start + last)).buffer);
  return new Map(Object.entries(header).map(([name, entry]) => [name, array(entry)]));
}
