// Returns the place of `value` among the ascending values of an array from `low` to `high` (excluded); -1: it is not there.
export function placeOf(values, value, low = 0, high = values.length) {
  const end = high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low < end && values[low] === value ? low : -1;
}
