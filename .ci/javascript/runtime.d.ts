// ONNX Runtime, which an export gets from npm.
declare module "*/ort.wasm.min.js" {
  export const env: any;
}
