"""Sort tickets: python route_tickets.py MODEL TICKETS.csv FOLDER writes one CSV for each label.

The column `body` is read. Where the model is not sure, the ticket goes to unsure.csv, for a person
to read. About a thousand tickets are in memory at a time, however many there are.
"""

import csv
import itertools
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import foretell

SURE = 0.7


def main() -> None:
    model, tickets, folder = foretell.load(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    with tickets.open(newline="", encoding="utf-8") as source, ExitStack() as files:
        rows, texts = itertools.tee(csv.DictReader(source))
        verdicts = model.classify((row["body"] for row in texts), abstain_below=SURE)
        writers = {}
        for row, verdict in zip(rows, verdicts, strict=True):
            name = verdict.label or "unsure"
            if name not in writers:
                # A label may be any text; a file's name may not.
                path = folder / f"{quote(name, safe='')}.csv"
                file = files.enter_context(path.open("w", newline="", encoding="utf-8"))
                writers[name] = csv.DictWriter(file, [*row, "probability"])
                writers[name].writeheader()
            writers[name].writerow({**row, "probability": round(verdict.probability, 4)})


if __name__ == "__main__":
    main()
