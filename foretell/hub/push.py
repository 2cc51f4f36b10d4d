"""`push`: a model to a repository of the Hugging Face Hub: what a prediction needs, and no training text."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
# What may be text in metrics.json: how a metric was measured, and what else was trained with. Everything else
# there is a number or the name of a label.
_TEXTS = frozenset({"measured_on", "decided_by", "name", "sha256", "licence"})
_MAX_TEXT = 500
_TASKS = {"labels": "text-classification", "words": "text-generation"}
# Key of metrics.json: the Hub's name of the metric, and its title.
_METRICS = {
    "labels": {"accuracy": ("accuracy", "Accuracy"), "macro_f1": ("f1", "Macro F1")},
    "words": {"valid_perplexity": ("perplexity", "Perplexity")},
}


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
    model: object,
    repository: str,
    *,
    private: bool = True,
    yes: bool = False,
    language: str | None = None,
    token: str | None = None,
) -> Pushed:
    """Push a model to the Hugging Face Hub; `foretell.load("hf://owner/name")` then opens it anywhere.

    The model is verified first. Pushed are the files that a prediction needs, the metrics without texts, and
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

    with tempfile.TemporaryDirectory(prefix="foretell-push-") as folder:
        source, files = Path(folder) / "model", Path(folder) / "files"
        files.mkdir()
        if isinstance(model, str | Path):
            source = Path(local_path(model))
        elif hasattr(model, "save"):
            model.save(source)
        else:
            found = type(model).__name__
            raise UsageError(expected="a model directory, a TextClassifier or a LanguageModel", found=found)
        job = prepare(source, files, repository, language=language).job
        with asking(str(Address(repository)), token=token):
            api = HfApi(token=token, library_name=LIBRARY)
            info = _repository(api, repository, private=private)
            return _upload(api, info, files, f"Push a foretell model ({job})")


def prepare(source: Path, folder: Path, repository: str, *, language: str | None = None) -> Model:
    """Write the files of a model that are pushed, and return the model that was read.

    run/ and files of other names stay behind. metrics.json loses the texts of wrong predictions and every
    other text but how a metric was measured. The manifest is written anew: README.md is not in it, so that
    the card can be edited on the Hub.

    Args:
        source: the model directory. It is verified whole, weights included.
        folder: an empty folder.
        repository, language: for the card.
    """
    model = read_model(source)
    contents = {
        name: manifest.read_verified(source, name, entry)
        for name, entry in model.files.items()
        if name in ON_HUB and name != manifest.CARD
    }
    metrics = json.dumps(_public_metrics(model), indent=2, ensure_ascii=False, allow_nan=False)
    contents[manifest.METRICS] = metrics.encode(errors="backslashreplace") + b"\n"
    contents[manifest.MANIFEST] = manifest.manifest_json(contents, model.written_by)
    card = (source / manifest.CARD).read_bytes().decode(errors="replace")
    contents[manifest.CARD] = _card(model, card, repository, language).encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return model


def _repository(api: HfApi, repository: str, *, private: bool) -> ModelInfo:
    """Return the repository, which is made where there is none."""
    if not api.repo_exists(repository):
        api.create_repo(repository, private=private)
    info = api.model_info(repository)
    present = {each.rfilename for each in info.siblings or ()}
    others, where = present - _OF_A_NEW_ONE, str(Address(repository))
    if private and not info.private:
        raise HubError(
            expected="a private repository", found="a public one", where=where,
            fix="--public (private=False) pushes to it all the same",
        )  # fmt: skip
    if others and manifest.MANIFEST not in present:
        raise HubError(
            expected="a new repository, or one with a foretell model",
            found=f"another one, with {min(others)}", where=where, fix="choose another name",
        )  # fmt: skip
    return info


def _upload(api: HfApi, info: ModelInfo, folder: Path, message: str) -> Pushed:
    """Push the files of a folder in one commit, which `upload_folder` does not promise."""
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    # A part that an older model had would only be dead weight.
    stale = {each.rfilename for each in info.siblings or ()} & set(manifest.PARTS) - files.keys()
    operations: list[CommitOperationAdd | CommitOperationDelete | CommitOperationCopy] = [
        *(CommitOperationDelete(path_in_repo=name) for name in sorted(stale)),
        *(CommitOperationAdd(name, folder / name) for name in files),
    ]
    # A push from elsewhere in this moment would be mixed with this one.
    commit = api.create_commit(info.id, operations, commit_message=message, parent_commit=info.sha)
    return Pushed(
        address=str(Address(info.id).at(commit.oid)),
        url=f"{api.endpoint}/{info.id}",
        private=bool(info.private),
        files=tuple(files),
        bytes=sum(files.values()),
    )


def _public_metrics(model: Model) -> dict[str, object]:
    """Return the metrics of a model without texts of its training data."""
    labels = frozenset(model.labels or ())

    def public(value: object, key: str) -> object:
        if isinstance(value, Mapping):
            return {name: public(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [public(item, key) for item in value]
        if not isinstance(value, str) or value in labels:
            return value
        return value if key in _TEXTS and len(value) <= _MAX_TEXT else None

    return {key: public(value, key) for key, value in model.metrics.items() if key != "mistakes"}


def _card(model: Model, card: str, repository: str, language: str | None) -> str:
    """Return README.md for the Hub: the model's own card, with language, metrics and address."""
    from huggingface_hub import ModelCard

    # The report is not pushed: it quotes texts.
    made = ModelCard(card.replace(", curves in `run/report.html`", ""))
    made.data["language"] = language
    if results := list(_results(model)):
        made.data["model_name"] = repository.partition("/")[2]
        made.data["metrics"] = [each.metric_type for each in results]
        made.data["eval_results"] = results
    command = 'classify hf://{} "a text"' if model.job == "labels" else 'next hf://{} "some words"'
    return (
        f"---\n{made.data.to_yaml()}\n---\n\n{made.text.strip()}\n\n"
        "## From the Hub\n\nAfter `pip install 'foretell[hub]'`, wherever a model directory is accepted:\n\n"
        f"```sh\nforetell {command.format(repository)}\n```\n\n"
        f'```python\nmodel = foretell.load("hf://{repository}")\n```\n'
    )


def _results(model: Model) -> Iterator[EvalResult]:
    """Yield the metrics that were measured on other texts than those that were learned from."""
    from huggingface_hub import EvalResult

    where = str(model.metrics.get("measured_on") or "validation texts")
    for key, (metric, title) in _METRICS[model.job].items():
        value = model.metrics.get(key)
        if "training" in where or not isinstance(value, float | int) or not math.isfinite(value):
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
