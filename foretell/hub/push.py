"""`push`: a model to a repository of the Hugging Face Hub."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.artifacts import manifest
from foretell.errors import HubError, UsageError
from foretell.hf.address import Address, is_repository
from foretell.hf.client import asking, hub_api
from foretell.hub.download import local_path
from foretell.hub.files import PARTS
from foretell.hub.prepare import Prepared, prepare

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

DISCLOSES = (
    "the vocabulary, the n-grams and the labels of a model contain words of its training texts, also rare "
    "ones such as names; whoever can read the repository can read them"
)
"""The warning before a push."""

# What a new repository may contain before the first push.
_OF_A_NEW_ONE = frozenset({".gitattributes", ".gitignore", "README.md", "LICENSE", "LICENSE.md"})


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
    api = hub_api(token)
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
    with asking(where, token=token):
        info = _existing(api, repository)
        if info is None:
            api.create_repo(repository, private=private)
            info = api.model_info(repository)
        present = {each.rfilename for each in info.siblings or ()}
        _check_free(info, present, private=private, where=where)
        # A part that an older model had would only be dead weight.
        stale = sorted((present & set(PARTS)) - set(prepared.names))
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
