"""One request for predictions on texts: find the model, check the limits, batch the work, count the texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from foretell.config import Job
from foretell.service.batching import Item
from foretell.service.loaded_model import LoadedModel
from foretell.service.logs import add_log_fields
from foretell.service.state import service_of


class Prediction:
    """A request for one model's predictions on texts.

    Args:
        request: the request.
        verb: the last part of the path, such as "classify".
        model: the model's name; None: the only one of this job.
        texts: one text, or a list.
        job: the job that the model must have; None: any.
        param: the field of the body that holds the texts.
        by_word: whether the answer has values of each word.

    Attributes:
        model: the model, which answers this request even if it is replaced in the meantime.
        texts: the texts as a list.

    Raises:
        ApiError: no such model, or texts beyond the limits.
    """

    def __init__(
        self,
        request: Request,
        verb: str,
        model: str | None,
        texts: str | list[str],
        *,
        job: Job | None = None,
        param: str = "texts",
        by_word: bool = False,
    ) -> None:
        self._service, self._verb = service_of(request), verb
        self.model: LoadedModel = self._service.models.find(model, job).loaded
        self.texts = [texts] if isinstance(texts, str) else texts
        add_log_fields(request.scope, model=self.model.card.id, texts=len(self.texts))
        self._service.limits.check_texts(self.texts, param=param, by_word=by_word)

    async def answers(self, work: Callable[[list[Item]], list[bytes]], items: Sequence[Item]) -> list[bytes]:
        """Return the answer to each item, in JSON.

        Args:
            work: items to answers, one for each and in the same order; runs in a thread, and shares its call
                with other requests for the same verb of the same model.
            items: one for each text.
        """
        models, metrics = self._service.models, self._service.metrics
        answers = await models.batcher(self.model, self._verb, work)(items)
        metrics.texts.labels(self.model.card.id, self._verb).inc(len(self.texts))
        return answers

    async def response(self, work: Callable[[list[Item]], list[bytes]], items: Sequence[Item]) -> Response:
        """Return the response with an answer to each item; see `answers`."""
        name = json.dumps(self.model.card.id).encode()
        answers = b",".join(await self.answers(work, items))
        return Response(b'{"model":%s,"answers":[%s]}' % (name, answers), media_type="application/json")
