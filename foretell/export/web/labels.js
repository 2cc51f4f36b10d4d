// A text classifier: the label of a text and its probability. The ONNX graph computes the complete answer.

export class Labels {
  thresholds; labels; tokens; ort; tfidf; session;
  // `tfidf` computes the scores of the linear models of TF-IDF values; null: the model has none.
  constructor(ort, session, tokens, model, tfidf) {
    Object.assign(this, { ort, session, tokens, labels: model.labels, thresholds: model.thresholds ?? null, tfidf });
  }

  // Returns {label, probability, probabilities}: the most probable label, its probability, and a Map from each label
  // to its probability. Where texts may have several labels there is `labels` too: those at their thresholds.
  async classify(text) {
    const probabilities = await this.probabilities(text);
    const best = probabilities.indexOf(Math.max(...probabilities));
    const applies = (_, i) => probabilities[i] >= Math.fround(this.thresholds[i]);
    const several = this.thresholds && this.labels.filter(applies);
    return {
      ...(several ? { labels: several } : {}),
      label: this.labels[best],
      probability: probabilities[best],
      probabilities: new Map(this.labels.map((label, i) => [label, probabilities[i]])),
    };
  }

  // Returns the probability of each label, in the order of `labels`.
  async probabilities(text) {
    const ids = this.tokens.encode(text);
    // A text without words becomes one padding id: the graph needs at least one step.
    const steps = BigInt64Array.from(ids.length ? ids : [0], BigInt);
    const inputs = { ids: new this.ort.Tensor("int64", steps, [1, steps.length]) };
    if (this.tfidf) {
      const scores = this.tfidf.scores(ids, text);
      inputs.tfidf_scores = new this.ort.Tensor("float32", scores, [1, scores.length]);
    }
    const outputs = await this.session.run(inputs);
    return Array.from(outputs.probabilities.data);
  }
}
