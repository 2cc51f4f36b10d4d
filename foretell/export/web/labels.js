// A text classifier: the label of a text and its probability. The graph holds the whole answer.

export class Labels {
  constructor(ort, session, tokens, model) {
    Object.assign(this, { ort, session, tokens, labels: model.labels });
  }

  // {label, probability, probabilities: Map of label to probability}
  async classify(text) {
    const probabilities = await this.probabilities(text);
    const best = probabilities.indexOf(Math.max(...probabilities));
    return {
      label: this.labels[best],
      probability: probabilities[best],
      probabilities: new Map(this.labels.map((label, i) => [label, probabilities[i]])),
    };
  }

  // The probability of each label, in the order of `labels`.
  async probabilities(text) {
    const ids = this.tokens.encode(text);
    // A text without words is one step of padding.
    const read = BigInt64Array.from(ids.length ? ids : [0], BigInt);
    const inputs = { ids: new this.ort.Tensor("int64", read, [1, read.length]) };
    const answer = await this.session.run(inputs);
    return Array.from(answer.probabilities.data);
  }
}
