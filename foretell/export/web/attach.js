// One script tag and one line for any text field: foretell.attach(element).
{
  const here = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  globalThis.foretell = {
    // See `attach` of keyboard.js.
    attach: async (field, options) => (await import(new URL("keyboard.js", here).href)).attach(field, options),
  };
}
