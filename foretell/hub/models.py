"""Models on the Hub: opened as directories in the cache, at one commit, and pushed without training
texts.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_model
from foretell.artifacts.kept_teacher import GRAPHS, TOKENIZER
from foretell.artifacts.model import Model
from foretell.errors import HubError, NotAModelError, UsageError
from foretell.hub import client
from foretell.hub.client import Address, is_address
from foretell.installation import from_repository

ON_HUB = (*manifest.FILES, *manifest.PARTS, manifest.MANIFEST)
"""Everything that is pushed or downloaded; run/, with report and log, never is."""
DISCLOSES = (
    "the vocabulary, the n-grams and the labels of a model contain words of its training "
    "texts, also rare "
    "ones such as names; whoever can read the repository can read them"
)
"""The warning before a push."""

# Files that state an encoder's window and its licence.
_BESIDE = (
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "config.json",
    "LICENSE",
    "LICENSE.txt",
)
# What may be text in metrics.json: how a metric was measured, and what else was trained with.
# Everything else there is a number or the name of a label.
_TEXTS = frozenset({"measured_on", "name", "sha256", "licence"})
_MAX_TEXT = 500


def local_path(model: str | Path) -> Path:
    """Return the directory of a model: the one in the cache for an address on the Hub.

    What is not in the cache is downloaded: only files with the names of a model directory. The
    revision becomes a commit hash first. A commit that is in the cache needs no connection. Without
    one, or with HF_HUB_OFFLINE, a branch is the commit that it was at the last download.

    Args:
        model: a model directory, which is returned as it is, or `hf://owner/name[@revision]`.

    Raises:
        UsageError: not an address.
        MissingExtraError: huggingface_hub is not installed.
        HubError: the Hub cannot be reached, there is no such repository or revision, or no access
            to it.
        NotAModelError: the repository holds no foretell model.
    """
    if not is_address(model):
        return Path(model).expanduser()
    address, sizes = client.files_of("model", client.parse(str(model)))
    if manifest.MANIFEST not in sizes:
        raise NotAModelError(
            "a foretell model",
            "a repository that foretell did not write",
            where=address,
            fix="check the name",
        )
    return client.download("model", address, ON_HUB, sizes)


def local_encoder(encoder: str | Path) -> str | Path:
    """Return the folder of a sentence encoder: the one in the cache for an address on the Hub.

    Of a repository, such as one of sentence-transformers, the graph, tokenizer.json and the files
    that state the window and the licence are downloaded.

    Raises:
        UsageError, MissingExtraError: as `local_path`.
        HubError: the Hub cannot be reached or refuses, or the repository holds no such encoder.
    """
    if not is_address(encoder):
        return encoder
    address, sizes = client.files_of("model", client.parse(str(encoder)))
    graph = next((name for name in GRAPHS if name in sizes), None)
    if graph is None or TOKENIZER not in sizes:
        raise HubError(
            f"an encoder with {GRAPHS[1]} and {TOKENIZER}",
            "a repository without them",
            where=address,
            fix="export it to ONNX, and give the folder",
        )
    return client.download("model", address, (graph, TOKENIZER, *_BESIDE), sizes)


def push(model: object, repository: str, *, private: bool = True, yes: bool = False) -> str:
    """Push a model to the Hugging Face Hub; `foretell.load("hf://owner/name")` then opens it
    anywhere.

    The model is verified first. Pushed are the files that a prediction needs, the metrics without
    texts, and the model card; run/ with the report stays here. The repository is made where there
    is none. The token is that of HF_TOKEN, or what `hf auth login` stored.

    >>> foretell.push("reviews-model", "ada/reviews", yes=True)  # doctest: +SKIP
    'hf://ada/reviews@5c1b…'

    Args:
        model: a model directory, a `TextClassifier` or a `LanguageModel`.
        repository: "owner/name".
        private: whether a new repository is private. A public one that exists is refused unless
            False.
        yes: agrees that words of the training texts are disclosed to whoever can read the
            repository: the vocabulary, the n-grams and the labels contain them.

    Returns:
        The address of what was pushed, with its commit; `foretell.load` opens it.

    Raises:
        UsageError: `yes` is not given, or no name of a repository.
        MissingExtraError: huggingface_hub is not installed.
        ArtifactError: the model cannot be trusted.
        HubError: the Hub cannot be reached or refuses; the repository is public, or holds something
            else.
    """
    if not client.is_repository(repository):
        expected = "the name of a repository, owner/name"
        raise UsageError(expected, repr(repository[:200]), where="REPOSITORY")
    if not yes:
        raise UsageError(
            "agreement to what a push discloses", "none", fix=f"{DISCLOSES}; agree with yes"
        )
    client.require_hub()
    with tempfile.TemporaryDirectory(prefix="foretell-push-") as temporary:
        source = Path(temporary) / "model"
        folder = Path(temporary) / "files"
        if isinstance(model, str | Path):
            source = local_path(model)
        elif hasattr(model, "save"):
            model.save(source)
        else:
            expected = "a model directory, a TextClassifier or a LanguageModel"
            raise UsageError(expected, type(model).__name__)
        contents = _contents(read_model(source), source, repository)
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return str(_upload(folder, repository, private=private))


def _upload(folder: Path, repository: str, *, private: bool) -> Address:
    """Upload a folder to a repository, which is made where there is none, and return its new
    commit.
    """
    from huggingface_hub import HfApi

    api = HfApi(library_name=client.LIBRARY)
    where = str(Address(repository))
    with client.asking(where):
        api.create_repo(repository, private=private, exist_ok=True)
        info = api.model_info(repository)
        present = {each.rfilename for each in info.siblings or ()}
        if private and not info.private:
            raise HubError(
                "a private repository",
                "a public one",
                where=where,
                fix="--public (private=False) pushes to it all the same",
            )
        if manifest.CONFIG in present and manifest.MANIFEST not in present:
            raise HubError(
                "a new repository, or one with a foretell model",
                "another model",
                where=where,
                fix="choose another name",
            )
        # A part that an older model had would only be dead weight. A push from elsewhere in this
        # moment would be mixed with this one: the commit must follow the one that was seen.
        commit = api.upload_folder(
            repo_id=info.id,
            folder_path=folder,
            commit_message="Push a foretell model",
            delete_patterns=list(manifest.PARTS),
            parent_commit=info.sha,
        )
    return Address(info.id, commit.oid)


def _contents(model: Model, source: Path, repository: str) -> dict[str, bytes]:
    """Return the files of a model that are pushed, each verified.

    Of the texts in metrics.json only labels and how a metric was measured are pushed. The manifest
    is written anew.
    """
    contents = {
        name: manifest.read_verified(source, name, entry)
        for name, entry in model.files.items()
        if name in ON_HUB
    }
    labels = frozenset(model.labels)

    def public(value: object, key: str) -> object:
        if isinstance(value, Mapping):
            return {name: public(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [public(item, key) for item in value]
        if isinstance(value, str) and value not in labels:
            return value if key in _TEXTS and len(value) <= _MAX_TEXT else None
        return value

    metrics = json.dumps(public(model.metrics, ""), indent=2, ensure_ascii=False, allow_nan=False)
    contents[manifest.METRICS] = metrics.encode(errors="backslashreplace") + b"\n"
    contents[manifest.MANIFEST] = manifest.manifest_json(contents, model.written_by)
    card = manifest.read_card(source).get(manifest.CARD, b"").decode(errors="replace")
    return {**contents, manifest.CARD: _card(model, card, repository).encode()}


def _card(model: Model, card: str, repository: str) -> str:
    """Return README.md for the Hub: the model's own card, and how it is opened from there."""
    command = 'classify hf://{} "a text"' if model.job == "labels" else 'next hf://{} "some words"'
    return (
        # The report is not pushed: it has the command, with the names of files.
        f"{card.replace(', curves in `run/report.html`', '').strip()}\n\n"
        f"## From the Hub\n\nAfter `{from_repository('hub')}`, wherever a model directory is "
        "accepted:\n\n"
        f"```sh\nforetell {command.format(repository)}\n```\n\n"
        f'```python\nmodel = foretell.load("hf://{repository}")\n```\n'
    )
