// The continuous cache: the numbers of foretell/ngrams/cache.py. Words after hidden values like the present one become
// more probable.

// Returns `probabilities` with the cache.
//   rules   {theta, weight, half} of model.json
//   hidden  the hidden value after each word read, Float32Arrays; the last one is the present
//   words   the words read: words[i] was read before hidden[i]
//   size    pairs of a hidden value and the word after it, at most
export function withCache(probabilities, { theta, weight, half }, hidden, words, size) {
  const last = hidden.length - 1;
  const first = Math.max(0, last - size);
  if (last <= first) return probabilities;
  const scores = hidden.slice(first, last).map((each) => theta * product(each, hidden[last]));
  const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const similar = scores.map((score) => Math.exp(score - largest));
  const sum = similar.reduce((a, b) => a + b, 0);
  const share = (weight * similar.length) / (similar.length + half);
  const both = probabilities.map((p) => (1 - share) * p);
  for (const [i, each] of similar.entries()) both[words[first + i + 1]] += (share * each) / sum;
  return both;
}

function product(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
