// The service counts code points, JavaScript UTF-16 units.

// Where each code point begins, in units, and at the end the length of the text.
export function units(text) {
  const found = [];
  for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) found.push(at);
  found.push(text.length);
  return found;
}

// The marks of a text, their places in units instead of code points.
export function inUnits(text, marks) {
  const at = units(text);
  return marks.map((mark) => ({ ...mark, start: at[mark.start], end: at[mark.end] }));
}
