"""Add a label and its probability to a table: python pandas_column.py MODEL FILE.csv prints it as
CSV.
"""

import sys

import pandas as pd

import foretell


def main() -> None:
    model, table = foretell.load(sys.argv[1]), pd.read_csv(sys.argv[2])
    texts = table["text"].fillna("")
    probabilities = model.predict_proba(texts)
    table["predicted"] = model.classes_[probabilities.argmax(axis=1)]
    table["probability"] = probabilities.max(axis=1).round(4)
    table.to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
