"""Search for better settings: python search.py DATA.csv TRIALS prints the best of so many.

`TextClassifier` is a scikit-learn estimator, so every search for one works: RandomizedSearchCV
here, GridSearchCV, and Optuna, where the objective is
`cross_val_score(foretell.TextClassifier(**settings), texts, labels, scoring="f1_macro").mean()`.
"""

import csv
import sys
from pathlib import Path

from scipy.stats import loguniform
from sklearn.model_selection import RandomizedSearchCV

import foretell

SETTINGS = {
    "units": [16, 64, 128],
    "dropout": [0.1, 0.3, 0.5],
    "learning_rate": loguniform(0.1, 1.0),
    "tokens": ["words", "subword"],
}


def main() -> None:
    with Path(sys.argv[1]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    classifier, trials = foretell.TextClassifier("quick"), int(sys.argv[2])
    how = {"cv": 2, "scoring": "f1_macro", "random_state": 1, "refit": False}
    search = RandomizedSearchCV(classifier, SETTINGS, n_iter=trials, **how)
    # On a Ray cluster whose machines have foretell[train], after `pip install ray`:
    #     ray.util.joblib.register_ray()
    #     with joblib.parallel_backend("ray"): search.set_params(n_jobs=-1).fit(texts, labels)
    search.fit([row["text"] for row in rows], [row["label"] for row in rows])
    print(f"macro F1 {search.best_score_:.3f} with {search.best_params_}")


if __name__ == "__main__":
    main()
