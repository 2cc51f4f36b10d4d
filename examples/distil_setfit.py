"""Distil SetFit: python distil_setfit.py LABELLED.csv MORE.csv MODEL trains SetFit, then a small model.

SetFit fine-tunes a sentence encoder on a few labelled texts, which takes ten minutes without a GPU. It then
labels the texts of MORE.csv, and foretell learns from them. Both files have a column `text`, the first one
`label` too.
Needs: pip install setfit 'foretell[train]'
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import foretell

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def setfit(texts: list[str], labels: list[str], encoder: str = ENCODER):
    """Return a SetFit model that has learned the labels; its `labels` are the columns of `predict_proba`."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    names = sorted(set(labels))
    model = SetFitModel.from_pretrained(encoder, labels=names)
    rows = Dataset.from_dict({"text": texts, "label": [names.index(label) for label in labels]})
    Trainer(model=model, args=TrainingArguments(num_epochs=1, num_iterations=10), train_dataset=rows).train()
    return model


def main() -> None:
    labelled, more, out = sys.argv[1:4]
    texts, labels = ([row[name] for row in rows_of(labelled)] for name in ("text", "label"))
    # SetFit does not see these: what is measured on them is true of new texts.
    n = len(texts) // 5
    valid = (texts[:n], labels[:n])
    print(f"SetFit learns {len(texts) - n} texts: {dict(Counter(labels[n:]))}", file=sys.stderr)
    teacher = setfit(texts[n:], labels[n:])
    unlabelled = [row["text"] for row in rows_of(more)]
    student = foretell.TextClassifier()
    # After an interruption, resume=True asks only for the texts that have no answer yet.
    student.fit(texts[n:], labels[n:], unlabelled=unlabelled, teacher=teacher, valid=valid, out=out)
    print(student.report())


if __name__ == "__main__":
    main()
