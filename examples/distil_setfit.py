"""Distil SetFit: python distil_setfit.py LABELLED.csv MORE.csv MODEL trains SetFit, then a small
model.

SetFit fine-tunes a sentence encoder on a few labelled texts, which takes ten minutes without a GPU.
It then labels the texts of MORE.csv, and foretell learns from them. Both files have a column
`text`, the first one `label` too.
Needs: pip install setfit 'foretell[train]'
"""

import csv
import random
import sys
from collections import Counter
from pathlib import Path

import foretell

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def setfit(texts: list[str], labels: list[str], encoder: str = ENCODER):
    """Return a SetFit model that has learned the labels; its `labels` are the columns of
    `predict_proba`.
    """
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    names = sorted(set(labels))
    model = SetFitModel.from_pretrained(encoder, labels=names)
    rows = Dataset.from_dict({"text": texts, "label": [names.index(label) for label in labels]})
    Trainer(
        model=model, args=TrainingArguments(num_epochs=1, num_iterations=10), train_dataset=rows
    ).train()
    return model


def main() -> None:
    labelled, more, out = sys.argv[1:4]
    rows, seen = rows_of(labelled), Counter[str]()
    random.Random(1).shuffle(rows)
    learned, held = ([], []), ([], [])
    for row in rows:
        seen[row["label"]] += 1
        # SetFit does not see every fifth text of a label: what is measured on these is true of new
        # texts.
        texts, labels = held if seen[row["label"]] % 5 == 0 else learned
        texts.append(row["text"])
        labels.append(row["label"])
    print(f"SetFit learns {len(learned[0])} texts: {dict(Counter(learned[1]))}", file=sys.stderr)
    teacher = setfit(*learned)
    unlabelled = [row["text"] for row in rows_of(more)]
    student = foretell.TextClassifier()
    # After an interruption, resume=True asks only for the texts that have no answer yet.
    student.fit(
        *learned, unlabelled=unlabelled, teacher=teacher, valid=held if held[0] else None, out=out
    )
    print(student.report())


if __name__ == "__main__":
    main()
