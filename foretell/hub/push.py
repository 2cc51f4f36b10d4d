"""`push`: a model to a repository of the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.errors import HubError, UsageError
from foretell.hub.client import LIBRARY, Address, asking, is_repository, require_hub
from foretell.hub.models import ON_HUB, local_path

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, HfApi
    from huggingface_hub.hf_api import ModelInfo

DISCLOSES = (
    "the vocabulary, the n-grams and the labels of a model contain words of its training texts, also rare "
    "ones such as names; whoever can read the repository can read them"
)
"""The warning before a push."""

# What a new repository may contain before the first push.
_OF_A_NEW_ONE = frozenset({".gitattributes", ".gitignore", "README.md", "LICENSE", "LICENSE.md"})


# What may be text in metrics.json: how a figure was measured, and what else was trained with. Everything
# else there is a number or the name of a label.
_TEXTS = frozenset({"measured_on", "decided_by", "name", "sha256", "licence"})
_MAX_TEXT = 500
_TAGS = ("foretell", "lstm", "onnx")
_TASKS = {"labels": "text-classification", "words": "text-generation"}
# Key of metrics.json: the Hub's name of the metric, and its title.
_METRICS = {
    "labels": {"accuracy": ("accuracy", "Accuracy"), "macro_f1": ("f1", "Macro F1")},
    "words": {"valid_perplexity": ("perplexity", "Perplexity")},
}
# Shorter texts stand in any card by chance.
_MIN_QUOTE = 20


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The result of a push.

    Attributes:
        address: "hf://owner/name@COMMIT".
        url: the page of the repository.
        private: whether only its owner can read it.
        files: the names of the files that were pushed.
        bytes: their size.
    """

    address: str
    url: str
    private: bool
    files: tuple[str, ...]
    bytes: int


def push(
    model: Any,
    repository: str,
    *,
    private: bool = True,
    yes: bool = False,
    language: str | None = None,
    token: str | None = None,
) -> Pushed:
    """Push a model to the Hugging Face Hub; `foretell.load("hf://owner/name")` then opens it anywhere.

    The model is verified first. Pushed are the files that a prediction needs, the figures without texts, and
    the model card; run/ with the report stays here. The repository is made where there is none.

    >>> foretell.push("reviews-model", "ada/reviews", yes=True).address  # doctest: +SKIP
    'hf://ada/reviews@5c1b…'

    Args:
        model: a model directory, a `TextClassifier` or a `LanguageModel`.
        repository: "owner/name".
        private: whether a new repository is private. A public one that exists is refused unless False.
        yes: agrees that words of the training texts are disclosed to whoever can read the repository: the
            vocabulary, the n-grams and the labels contain them.
        language: of the texts, an ISO 639 code for the card, such as "en".
        token: a token of the Hub that may write; None: HF_TOKEN, or what `hf auth login` stored.

    Raises:
        UsageError: `yes` is not given, or no name of a repository.
        MissingExtraError: huggingface_hub is not installed.
        ArtifactError: the model cannot be trusted.
        HubError: the Hub cannot be reached or refuses; the repository is public, or holds something else.
    """
    if not is_repository(repository):
        raise UsageError(
            expected="the name of a repository, owner/name", found=repr(repository[:200]), where="REPOSITORY"
        )
    if not yes:
        raise UsageError(
            expected="agreement to what a push discloses", found="none", fix=f"{DISCLOSES}; agree with yes"
        )
    require_hub()
    from huggingface_hub import HfApi

    api = HfApi(token=token, library_name=LIBRARY)
    with tempfile.TemporaryDirectory(prefix="foretell-push-") as folder:
        files = Path(folder) / "files"
        files.mkdir()
        prepared = prepare(_directory(model, Path(folder)), files, repository, language=language)
        return _upload(api, prepared, repository, private=private, token=token)


def _directory(model: Any, folder: Path) -> Path:
    """Return the directory of a model; an object is saved in `folder`."""
    if isinstance(model, str | Path):
        return Path(local_path(model))
    if not hasattr(model, "save"):
        raise UsageError(
            expected="a model directory, a TextClassifier or a LanguageModel", found=type(model).__name__
        )
    # Named as the card's title: the name of the directory of a model in memory is not the user's.
    model.save(folder / "model")
    return folder / "model"


def _upload(api: HfApi, prepared: Prepared, repository: str, *, private: bool, token: str | None) -> Pushed:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    where = str(Address(repository))
    with asking(where, token=token), _bars_for_terminals():
        info = _existing(api, repository)
        if info is None:
            api.create_repo(repository, private=private)
            info = api.model_info(repository)
        present = {each.rfilename for each in info.siblings or ()}
        _check_free(info, present, private=private, where=where)
        # A part that an older model had would only be dead weight.
        stale = sorted((present & set(manifest.PARTS)) - set(prepared.names))
        commit = api.create_commit(
            repository,
            [
                *(CommitOperationDelete(path_in_repo=name) for name in stale),
                *(CommitOperationAdd(name, prepared.folder / name) for name in prepared.names),
            ],
            commit_message=f"Push a foretell model ({prepared.model.job})",
            # A push from elsewhere in this moment would be mixed with this one.
            parent_commit=info.sha,
        )
    return Pushed(
        address=str(Address(repository).at(commit.oid)),
        url=f"{api.endpoint}/{repository}",
        private=bool(info.private),
        files=prepared.names,
        bytes=prepared.size,
    )


@contextmanager
def _bars_for_terminals() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _existing(api: HfApi, repository: str) -> ModelInfo | None:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.model_info(repository)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None


def _check_free(info: ModelInfo, present: set[str], *, private: bool, where: str) -> None:
    """Check that a push discloses no private model and replaces no other program's.

    Raises:
        HubError
    """
    if private and not info.private:
        raise HubError(
            expected="a private repository",
            found="a public one",
            where=where,
            fix="--public (private=False) pushes to it all the same",
        )
    if present - _OF_A_NEW_ONE and manifest.MANIFEST not in present:
        raise HubError(
            expected="a new repository, or one with a foretell model",
            found=f"another one, with {min(present - _OF_A_NEW_ONE)}",
            where=where,
            fix="choose another name",
        )


@dataclass(frozen=True)
class Prepared:
    """The files that will be pushed.

    Attributes:
        folder: a model directory that foretell's reader accepts.
        names: its files.
        size: bytes of all of them.
        model: the model.
    """

    folder: Path
    names: tuple[str, ...]
    size: int
    model: Model


def prepare(source: Path, folder: Path, repository: str, *, language: str | None = None) -> Prepared:
    """Write the files of a model that are pushed, and read them back.

    run/ and files of other names stay behind. metrics.json loses the texts of wrong predictions and every
    other text but how a figure was measured. The manifest is written anew: README.md is not in it, so that
    the card can be edited on the Hub.

    Args:
        source: the model directory. It is verified whole, weights included.
        folder: an empty folder.
        repository: "owner/name", for the card.
        language: see `hub_card`.

    Raises:
        ArtifactError: the model cannot be trusted (each reason has its own subclass).
        HubError: the card quotes a training text.
    """
    model = read_model(source)
    entries: dict[str, manifest.Entry] = {}
    for name in sorted(name for name in model.files if name in ON_HUB):
        content = manifest.read_verified(source, name, model.files[name])
        if name == manifest.METRICS:
            content = _json(public_metrics(model))
        if name != manifest.CARD:
            entries[name] = manifest.Entry(len(content), hashlib.sha256(content).hexdigest())
            (folder / name).write_bytes(content)
    card = (source / manifest.CARD).read_bytes().decode(errors="replace")
    readme = hub_card(model, card, repository, language=language)
    (folder / manifest.CARD).write_bytes(readme.encode())
    listed = {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in entries.items()}
    (folder / manifest.MANIFEST).write_bytes(manifest.seal({"foretell": model.written_by, "files": listed}))
    names = (*entries, manifest.CARD, manifest.MANIFEST)
    size = sum((folder / name).stat().st_size for name in names)
    return Prepared(folder, names, size, read_model(folder))


def public_metrics(model: Model) -> dict[str, Any]:
    """Return the figures of a model without texts of its training data."""
    labels = frozenset(model.labels or ())
    return {key: _public(value, key, labels) for key, value in model.metrics.items() if key != "mistakes"}


def _public(value: Any, key: str, labels: frozenset[str]) -> Any:
    """Return a value of metrics.json; None in place of a text that may be one of the training data."""
    if isinstance(value, Mapping):
        return {name: _public(item, name, labels) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_public(item, key, labels) for item in value]
    if isinstance(value, str) and value not in labels:
        # The name of a file of word vectors may be a path of this machine.
        return Path(value).name[:_MAX_TEXT] if key == "name" else _short(value) if key in _TEXTS else None
    return value


def _short(text: str) -> str | None:
    return text if len(text) <= _MAX_TEXT else None


def _json(value: object) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace") + b"\n"


def hub_card(model: Model, card: str, repository: str, *, language: str | None = None) -> str:
    """Return README.md for the Hub as Markdown with a YAML header.

    Args:
        model: the model.
        card: its own card; the header of it is replaced.
        repository: "owner/name".
        language: of its texts, an ISO 639 code such as "en"; None: the header names none.

    Raises:
        HubError: the card quotes a training text.
    """
    from huggingface_hub import ModelCardData

    body = _without_header(card)
    _check_quotes(body, model.metrics)
    results = list(_results(model))
    data = ModelCardData(
        language=language,
        library_name="foretell",
        pipeline_tag=_TASKS[model.job],
        tags=list(_TAGS),
        metrics=[each.metric_type for each in results] or None,
        model_name=repository.partition("/")[2] if results else None,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{body.strip()}\n\n{_from_hub(model, repository)}"


def _without_header(card: str) -> str:
    header, end, body = card.partition("\n---\n")
    body = body if header.startswith("---\n") and end else card
    # The report is not pushed: it quotes texts.
    return body.replace(", curves in `run/report.html`", "")


def _from_hub(model: Model, repository: str) -> str:
    """Return the paragraph on the use from the Hub."""
    command = 'classify hf://{} "a text"' if model.job == "labels" else 'next hf://{} "some words"'
    return (
        "## From the Hub\n\nAfter `pip install 'foretell[hub]'`, wherever a model directory is accepted:\n\n"
        f"```sh\nforetell {command.format(repository)}\n```\n\n"
        f'```python\nmodel = foretell.load("hf://{repository}")\n```\n'
    )


def _results(model: Model) -> Iterator[EvalResult]:
    """Yield the figures that were measured on other texts than those that were learned from."""
    from huggingface_hub import EvalResult

    measured_on = model.metrics.get("measured_on")
    where = measured_on if isinstance(measured_on, str) else "validation texts"
    if "training" in where:
        return
    for key, (metric, title) in _METRICS[model.job].items():
        value = model.metrics.get(key)
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            continue
        yield EvalResult(
            task_type=_TASKS[model.job],
            dataset_type="not-published",
            dataset_name=where,
            dataset_split="validation",
            metric_type=metric,
            metric_name=title,
            metric_value=round(float(value), 4),
        )


def _check_quotes(body: str, metrics: Mapping[str, Any]) -> None:
    mistakes = metrics.get("mistakes")
    shown = " ".join(body.split())
    for each in mistakes if isinstance(mistakes, list) else ():
        text = " ".join(str(each.get("text", "") if isinstance(each, dict) else each).split())
        if len(text) >= _MIN_QUOTE and text in shown:
            raise HubError(
                expected="a card that quotes no training text",
                found="one that does",
                where="README.md",
                fix="train the model again, or remove the text",
            )
