"""What the service takes and gives, as typed JSON: the OpenAPI document is made from this.

Offsets count Unicode code points of the text that was sent, `text[start:end]` in Python. In JavaScript, whose
strings count UTF-16 units: `Array.from(text).slice(start, end).join("")`. Logarithms are natural.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _whole(value: Any) -> Any:
    # JSON has one kind of number: 5.0 is 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
ModelName = Annotated[
    str | None,
    Field(
        description="A name from GET /v1/models; may be left out where only one model can answer.",
        max_length=200,
    ),
]
Texts = Annotated[
    str | Annotated[list[str], Field(min_length=1)],
    Field(description="One text, or a list of texts. The answers are a list in the same order either way."),
]
OneText = Annotated[str, Field(description="One text.")]


class Request(BaseModel):
    """A request refuses what it does not know, so that a misspelt name is not silently left out."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Answer(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid")


# ---- models


class Layer(Answer):
    """An LSTM layer whose states POST /v1/states can show."""

    name: str = Field(examples=["lstm_1"])
    units: int = Field(description="Units are numbered from 0.", examples=[128])


class ModelCard(Answer):
    """One model, as OpenAI lists it, and what foretell knows of it."""

    id: str = Field(description="The name to send as `model`.", examples=["reviews"])
    object: Literal["model"] = "model"
    created: int = Field(description="When its files were written, in seconds since 1970.")
    owned_by: Literal["foretell"] = "foretell"
    job: Literal["words", "labels"]
    preset: str = Field(examples=["base"])
    words: int = Field(description="Words in its vocabulary.")
    labels: list[str] | None = Field(description="The labels, sorted; null for words.")
    layers: list[Layer]
    state: Literal["fresh", "stale"] = Field(
        description="stale: its files have vanished or cannot be trusted; the model in memory still answers."
    )


class ModelList(Answer):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


# ---- labels


class ClassifyRequest(Request):
    """POST /v1/classify."""

    model: ModelName = None
    texts: Texts
    abstain_below: float | None = Field(
        default=None, ge=0, le=1, description="Give no label where its probability is lower than this."
    )


class Verdict(Answer):
    """The label of one text."""

    label: str = Field(description='The likeliest label; "" where the model abstains.')
    probability: float = Field(description="The likeliest label's probability, abstaining or not.")
    probabilities: dict[str, float] = Field(description="The probability of every label.")
    reason: str = Field(description='Why there is no label, such as "below 0.8"; "" where there is one.')
    flags: list[str] = Field(description='What is odd about the text, such as "mostly unknown words".')


class ClassifyAnswer(Answer):
    """One verdict for each text, in order."""

    model: str
    answers: list[Verdict]


class ExplainRequest(Request):
    """POST /v1/explain."""

    model: ModelName = None
    texts: Texts


class ExplainedWord(Answer):
    """What one word did to the verdict."""

    text: str
    start: int
    end: int
    effect: float = Field(
        description="Log-odds of the label with the word minus without it: above 0 it speaks for the label."
    )
    without: float = Field(description="The label's probability with the word taken out.")
    linear: float | None = Field(
        description="Its part of the linear model's score for the label; null where there is none."
    )
    is_read: bool = Field(description="Whether the network reads it: of a long text it reads the end.")


class Explained(Verdict):
    """The label of one text, the words that decided it, and the verdict along the text."""

    words: list[ExplainedWord]
    running: list[float] = Field(
        description="The label's probability after `stride` words, 2 · `stride` words ..., and after all."
    )
    stride: int = Field(description="Words from one point of `running` to the next; 1 up to 400 words.")
    linear_bias: float | None = Field(description="The linear model's score without any word.")


class ExplainAnswer(Answer):
    """One explanation for each text, in order."""

    model: str
    answers: list[Explained]


# ---- words


class NextRequest(Request):
    """POST /v1/next."""

    model: ModelName = None
    texts: Texts
    k: Whole = Field(default=5, ge=1, le=100, description="How many words.")
    unfinished: bool = Field(
        default=False, description="The last word may be unfinished: give the words that begin with it."
    )


class NextWord(Answer):
    """A word that may come next."""

    word: str = Field(description="The word; `<eos>` is the end of a line.")
    probability: float


class NextWords(Answer):
    """The likeliest next words after one text, the likeliest first."""

    words: list[NextWord]


class NextAnswer(Answer):
    """The next words of each text, in order."""

    model: str
    answers: list[NextWords]


class ScoreRequest(Request):
    """POST /v1/score."""

    model: ModelName = None
    texts: Texts
    words: bool = Field(default=False, description="Give the log-probability of each word, too.")
    top: Whole = Field(
        default=0, ge=0, le=5, description="With `words`: so many likeliest words in each place, too."
    )
    start: Whole = Field(
        default=0,
        ge=0,
        description="Score each text from this code point on: the words before it are read, not scored.",
    )


class ScoredWord(Answer):
    """How likely one word of a text was after the words before it; its surprise is -log_probability."""

    text: str = Field(description='As it was written; "" for the end of a line.')
    start: int
    end: int
    log_probability: float | None = Field(description="null where the model cannot tell.")
    known: bool = Field(description="Whether the word is in the vocabulary.")
    characters: int = Field(
        description="The code points that it stands for, white space before it included; they add up."
    )
    top: list[NextWord] = Field(description="What the model found likeliest in this place.")


class Scored(Answer):
    """How likely one text is."""

    tokens: int = Field(description="Predictions made: each word and each line's end.")
    words: int
    characters: int
    unknown: int = Field(description="Words that are not in the vocabulary.")
    log_probability: float
    perplexity: float | None = Field(description="null where it is larger than a number can be.")
    bits_per_character: float
    each: list[ScoredWord] | None = Field(description="Each word; null where `words` was not asked for.")


class ScoreAnswer(Answer):
    """The score of each text, in order."""

    model: str
    answers: list[Scored]


# ---- how it works


class StatesRequest(Request):
    """POST /v1/states: what one LSTM unit does along a text."""

    model: ModelName = None
    text: OneText
    layer: str | None = Field(default=None, max_length=40, description="A layer's name; null: the first.")
    unit: Whole | None = Field(
        default=None, ge=0, description="A unit's number; null: the one whose cell state moves most."
    )


class Step(Answer):
    """What one step of the layer reads: a word (cnn-lstm: the words under a pooled position)."""

    text: str
    start: int
    end: int


class Gates(Answer):
    """The gates of the unit, one value a step: `input`, `forget`, `output` 0 to 1, `candidate` -1 to 1."""

    input: list[float]
    forget: list[float]
    candidate: list[float]
    output: list[float]


class StatesAnswer(Answer):
    """Cell state, output and gates of one unit, one value a step.

    cell = forget · cell before + input · candidate; hidden = output · tanh(cell).
    """

    model: str
    layer: str
    unit: int
    layers: list[Layer]
    liveliest: list[int] = Field(description="Up to 16 units of this layer whose cell states move most.")
    backward: bool = Field(description="Whether the layer reads from the end: its first step is the last.")
    steps: list[Step] = Field(description="In the order of the text.")
    cell: list[float]
    hidden: list[float] = Field(description="What the unit hands on, -1 to 1.")
    gates: Gates


# ---- completions, in OpenAI's shape


class StreamOptions(Request):
    """How to stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CompletionRequest(Request):
    """POST /v1/completions as OpenAI defines it; a token is a word, a punctuation mark or a line's end.

    top_k, min_p, repetition_penalty, avoid_unknown and unfinished are foretell's own. What cannot be honoured
    is refused: best_of other than n, logit_bias, suffix, penalties other than 0.
    """

    model: str = Field(max_length=200)
    prompt: str | Annotated[list[str], Field(min_length=1)] | None = ""
    max_tokens: Whole | None = Field(default=16, ge=0)
    temperature: float | None = Field(default=1.0, ge=0, le=2)
    top_p: float | None = Field(default=1.0, gt=0, le=1)
    n: Whole | None = Field(default=1, ge=1, le=16)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    logprobs: Whole | None = Field(default=None, ge=0, le=5)
    echo: bool | None = False
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: Whole | None = None
    user: Any = None
    top_k: Whole = Field(default=0, ge=0)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0)
    avoid_unknown: bool = True
    unfinished: bool = False
    best_of: Any = Field(default=None, description="null, or what n is.")
    suffix: Any = Field(default=None, json_schema_extra={"enum": [None, ""]})
    logit_bias: Any = Field(default=None, json_schema_extra={"enum": [None, {}]})
    presence_penalty: Any = Field(default=None, json_schema_extra={"enum": [None, 0]})
    frequency_penalty: Any = Field(default=None, json_schema_extra={"enum": [None, 0]})


class Logprobs(Answer):
    """Log-probabilities of the words of a choice, in the model's own distribution (before any sampling)."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class Choice(Answer):
    """One continuation."""

    text: str
    index: int
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"] | None


class Usage(Answer):
    """Words read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(Answer):
    """A completion, or with `stream` one event of it."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


# ---- health and errors


class Live(Answer):
    """GET /health/live."""

    status: Literal["live"] = "live"


class Ready(Answer):
    """GET /health/ready."""

    status: Literal["ready", "stopping"]


class Problem(Answer):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: Literal[
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "rate_limit_error",
        "server_error",
    ]
    param: str | None = None
    code: str | None = None


class Failure(Answer):
    """Every answer that is not 2xx."""

    error: Problem
