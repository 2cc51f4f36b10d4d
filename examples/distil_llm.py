"""Distil a language model: python distil_llm.py TEXTS.csv MODEL --address URL --name NAME --labels
pos neg

A language model behind an OpenAI-compatible address labels each text of TEXTS.csv (column `text`),
and foretell learns from its labels. --labelled FILE adds texts that people have labelled: they show
how good the small model is. Cost and time are stated before the first call. The key is read from
OPENAI_API_KEY, if set.

python distil_llm.py tickets.csv tickets-model --address http://localhost:11434/v1 --name llama3.2 \
    --labels bug billing other --task "Which team should read this ticket?"
"""

import argparse
import csv
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import foretell

CHARACTERS_PER_TOKEN, TOKENS_OF_ANSWER = 4, 12


class Teacher:
    """A language model as a classifier: `predict_proba` asks it for the label of each text.

    Args:
        address: of the API, such as https://api.openai.com/v1.
        name: of the model.
        labels: the labels, in the order of the columns.
        task: what the labels mean, in words.
        calls: how many texts are asked for at a time.
        tries: how often a text is asked for before that is an error.
        timeout: seconds until a call counts as failed.
        pause: seconds before the second try, twice as many before each further one.
    """

    def __init__(
        self, address, name, labels, task="", *, calls=4, tries=4, timeout=60.0, pause=1.0
    ):
        self.address, self.name, self.labels, self.task = (
            address.rstrip("/"),
            name,
            list(labels),
            task,
        )
        self.calls, self.tries, self.timeout, self.pause = calls, tries, timeout, pause

    def predict_proba(self, texts):
        """Return a row for each text: 1 for its label."""
        with ThreadPoolExecutor(self.calls) as pool:
            answers = list(pool.map(self.label, texts))
        return [[float(answer == label) for label in self.labels] for answer in answers]

    def label(self, text):
        """Return the label of a text."""
        for attempt in range(self.tries):
            try:
                return self._ask(text)
            except urllib.error.HTTPError as error:
                failure, asked = (
                    f"status {error.code}, {error.read(200)!r}",
                    error.headers.get("Retry-After", ""),
                )
                # Another try does not change a wrong key or a wrong address, or a text that is not
                # allowed.
                if error.code in (400, 401, 403, 404):
                    break
            except (OSError, ValueError, http.client.HTTPException) as error:
                failure, asked = f"{type(error).__name__}: {error}", ""
            if attempt + 1 < self.tries:
                # A service that limits calls says how long to wait.
                time.sleep(float(asked) if asked.isdigit() else self.pause * 2**attempt)
        raise RuntimeError(f"{self.address}: {failure}, for the text '{text[:40]}'")

    def _ask(self, text):
        request = urllib.request.Request(
            f"{self.address}/chat/completions",
            json.dumps(self.question(text)).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', '')}",
            },
        )
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            content = response.read()
        try:
            label = json.loads(json.loads(content)["choices"][0]["message"]["content"])["label"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ValueError(f"expected JSON with a label, found {content[:60]!r}") from error
        if label not in self.labels:
            raise ValueError(f"expected one of {', '.join(self.labels)}, found {label!r}")
        return label

    def question(self, text):
        """Return the body of a request. The answer has to be JSON with one of the labels."""
        schema = {
            "type": "object",
            "properties": {"label": {"type": "string", "enum": self.labels}},
            "required": ["label"],
            "additionalProperties": False,
        }
        task = self.task or f"Choose the label of the text: {', '.join(self.labels)}."
        return {
            "model": self.name,
            "temperature": 0,
            "messages": [{"role": "system", "content": task}, {"role": "user", "content": text}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            },
        }


def estimate(teacher, texts, price_in, price_out, seconds):
    """Return what labelling costs and how long it takes, in words.

    Prices are for a million tokens, seconds for a call.
    """
    characters = sum(len(json.dumps(teacher.question(text))) for text in texts)
    tokens, answers = characters // CHARACTERS_PER_TOKEN, TOKENS_OF_ANSWER * len(texts)
    cost = (tokens * price_in + answers * price_out) / 1e6
    minutes = len(texts) * seconds / teacher.calls / 60
    return (
        f"{len(texts):,} texts: about {tokens:,} tokens in and {answers:,} out, {cost:.2f} at "
        f"these prices, "
        f"{minutes:.1f} minutes with {teacher.calls} calls at a time of {seconds:g} s each"
    )


def column(path, name):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts")
    parser.add_argument("model")
    parser.add_argument("--address", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--labels", nargs="+", required=True)
    parser.add_argument("--task", default="", help="what the labels mean, in words")
    parser.add_argument("--labelled", help="a CSV with the columns text and label")
    parser.add_argument("--price-in", type=float, default=0.0, help="of a million tokens of text")
    parser.add_argument(
        "--price-out", type=float, default=0.0, help="of a million tokens of answers"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of a call, for the estimate")
    parser.add_argument("--calls", type=int, default=4, help="at a time")
    parser.add_argument("--yes", action="store_true", help="do not ask before the first call")
    parser.add_argument(
        "--resume", action="store_true", help="ask only for the texts without an answer"
    )
    given = parser.parse_args(arguments)
    teacher = Teacher(
        given.address, given.name, given.labels, given.task, calls=max(1, given.calls)
    )
    texts = column(given.texts, "text")
    print(estimate(teacher, texts, given.price_in, given.price_out, given.seconds), file=sys.stderr)
    if not given.yes and input("Go on? [y/N] ").strip().lower() != "y":
        return
    student, how = (
        foretell.TextClassifier(),
        {"teacher": teacher, "out": given.model, "resume": given.resume},
    )
    if given.labelled is None:
        student.fit(texts, **how)
    else:
        known = column(given.labelled, "text"), column(given.labelled, "label")
        student.fit(*known, unlabelled=texts, **how)
    print(student.report())


if __name__ == "__main__":
    main()
