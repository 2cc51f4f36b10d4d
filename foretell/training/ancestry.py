"""What the trainings of both jobs that continue a model share: the model, and settings that cannot change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from foretell.artifacts.model import Model
from foretell.config import Settings, to_dict
from foretell.errors import SettingsError

Runtime = TypeVar("Runtime")


@dataclass(frozen=True, kw_only=True, eq=False)
class ContinuedModel(Generic[Runtime]):
    """A model whose training is continued.

    Attributes:
        name: of its directory, for messages.
        model: the model with its weights.
        runtime: the same model, opened for prediction.
    """

    name: str
    model: Model
    runtime: Runtime

    @property
    def lineage(self) -> tuple[str, ...]:
        """The SHA-256 of its manifest.json, and those of its own ancestors, the last one first."""
        return (self.model.sha256, *self.model.ancestors)


def check_unchanged(
    own: Settings,
    settings: Settings,
    fields: Sequence[str],
    *,
    name: str | None,
    changes: Mapping[str, Any],
    data: str,
) -> None:
    """Check that settings are those of the model to continue where its weights and tokens depend on them.

    Args:
        own: the settings of the model.
        settings: of the training.
        fields: those that stay as they are.
        name: of the preset that `settings` start from; None: they start from `own`.
        changes: fields that were given.
        data: what a new model would be trained on: "data" or "text".

    Raises:
        SettingsError: one of them differs.
    """
    before, now = to_dict(own), to_dict(settings)
    for field in fields:
        if before[field] != now[field]:
            by_preset = field not in changes and name is not None
            raise SettingsError(
                expected=f"{field.replace('_', '-')} {before[field]}, as in the model to continue",
                found=f"{now[field]} (preset {name})" if by_preset else str(now[field]),
                where=field.replace("_", "-"),
                fix=f"leave it out, or train a new model on all {data}",
            )
