// Offsets of the service count Unicode code points; offsets of JavaScript strings count UTF-16 code units.

// The UTF-16 offset of each code point of `text`, and at the end the length of `text`.
export function codeUnitOffsets(text) {
  const offsets = [];
  for (let offset = 0; offset < text.length; offset += text.codePointAt(offset) > 0xffff ? 2 : 1) offsets.push(offset);
  offsets.push(text.length);
  return offsets;
}

// The marks of a text with `start` and `end` as UTF-16 offsets instead of code points.
export function inCodeUnits(text, marks) {
  const offsets = codeUnitOffsets(text);
  return marks.map((mark) => ({ ...mark, start: offsets[mark.start], end: offsets[mark.end] }));
}
