"""Suggest how each line may go on: python autocomplete.py MODEL, then type; an empty line ends
it.
"""

import sys

import foretell


def main() -> None:
    model = foretell.LanguageModel.load(sys.argv[1])
    while line := input("> ").rstrip():
        words = ", ".join(f"{each.word} ({each.probability:.0%})" for each in model.next(line, k=3))
        print(f"  next: {words}")
        print(f"  {line}{model.complete(line, words=8, temperature=0)}")


if __name__ == "__main__":
    main()
