"""The tokenizer: text to token ids and back, in one of five styles.

=========== ======================================= ==============================================
========== style       tokens                                  special ids
tokens from =========== =======================================
============================================== ========== white-space the words of `str.split`
none; an unknown word encodes to -1            0 keras       Keras's legacy `text_to_word_sequence`
0 pad · 1 start of text · 2 unknown · 3 unused 4 words       Unicode words, single punctuation, and
            0 pad · 1 unknown · 2 end of line              3 characters of scripts without spaces
subword     parts of words, learned from the texts  0 pad · 1 unknown · 2 end of line              3
            (byte-pair encoding), and the 256 bytes
char        code points, and the 256 bytes          0 pad · 1 unknown · 2 end of line              3
=========== ======================================= ==============================================
==========

Scripts without spaces between words are Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar
(`text.styles`).

"subword" and "char" have an open vocabulary: `decode(encode(text))` is the text in NFC (and in
lower case where the tokenizer uses it; U+FFFD for lone surrogates). White space belongs to tokens,
and a character that is no token becomes the tokens of its UTF-8 bytes, which are the last 256 ids.
No token is unknown.

Words are ordered by frequency, then alphabetically, so the same texts always give the same ids.
Training and prediction use one Hugging Face `tokenizers.Tokenizer`, which is saved as
tokenizer.json.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from tokenizers import Encoding
from tokenizers import Tokenizer as HuggingFaceTokenizer

from foretell.arrays import Int32s, Int64s, TokenIds, in_parts
from foretell.errors import DataError
from foretell.text import styles
from foretell.text import vocabulary as learned
from foretell.text.styles import (
    BYTES,
    END_OF_LINE,
    OPEN,
    SPECIALS,
    UNKNOWN,
    Style,
    library_tokenizer,
)

Span = tuple[int, int, int]
"""A token and where it is in the text: (id, start, end), in code points."""

# Texts after which building a dictionary of all words saves time.
_TEXTS_BEFORE_DICTIONARY = 100

# An encoding takes far more memory than the ids that are kept, so only this many texts have one at
# a time.
_ENCODED_AT_ONCE = 1024
_NUMBERED_AT_ONCE = 1 << 20

# Characters of a text whose encoding takes more than a few milliseconds.
_LONG_TEXT = 2_000

_SURROGATES = re.compile("[\ud800-\udfff]")


class Tokenizer:
    """Text to word ids and back. Make one with `train`.

    Attributes:
        style: "white-space", "keras", "words", "subword" or "char".
        is_open: whether the vocabulary is open: every text has tokens, and they decode to it.
        size: number of ids, specials included; ids run from 0 to size - 1.
        specials: how many of the first ids are no tokens of a text.
        bytes: the ids of single bytes, the last ones; empty where the vocabulary is not open.
        pad: the id of padding; None for "white-space".
        start: the id that `encode` puts first; None but for "keras".
        unknown: the id of every word not in the vocabulary; None for "white-space", where it is -1.
            An open vocabulary has the id, and no text has it.
        end_of_line: the id of the end of a line in a language model's corpus; None for
            "white-space" and "keras". `encode` does not return it.
    """

    def __init__(self, inner: HuggingFaceTokenizer, style: Style) -> None:
        self._inner = inner
        self.style: Style = style
        specials = {special: id for id, special in enumerate(SPECIALS[style])}
        self.specials = len(specials)
        self.size: int = inner.get_vocab_size() - (style == "white-space")
        self.pad = specials.get("<pad>")
        self.start = specials.get("<start>")
        self.unknown = specials.get(UNKNOWN)
        self.end_of_line = specials.get(END_OF_LINE)
        self.is_open = style in OPEN
        self.bytes = range(0)
        if self.is_open:
            self.bytes = range(self.size - len(BYTES), self.size)
        self._lowercase = "Lowercase" in repr(inner.normalizer)
        if style == "char":
            # The library's cache holds whole texts then, some 8 KB each.
            inner.model._resize_cache(0)
        self._dictionary: dict[str, int] | None = None
        self._texts_encoded = 0

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        style: Style,
        *,
        lowercase: bool,
        vocabulary: int,
        min_count: int = 1,
    ) -> Tokenizer:
        """Learn the vocabulary of `texts`, which are read once and never in memory together.

        Args:
            texts: any number of texts.
            style: how to split; see the table above.
            lowercase: convert letters to lower case first.
            vocabulary: maximum number of words, or tokens, specials and bytes not counted.
            min_count: leave out words with fewer occurrences; of "char", characters; of "subword",
                characters and pairs of tokens to join.

        Raises:
            DataError: no word is left.
        """
        empty = cls.without_words(style, lowercase=lowercase)
        counts = learned.count_runs(empty.runs, texts)
        return cls._of_counts(counts, style, lowercase, vocabulary, min_count)

    @classmethod
    def train_and_encode(
        cls, texts: Iterable[str], *, lowercase: bool, vocabulary: int, min_count: int = 1
    ) -> tuple[Tokenizer, Int32s, Int64s]:
        """Return what `train` does with the style "words", and the ids of the texts, each split
        once.

        Returns:
            The tokenizer; int32 [word], the ids of the texts one after another; int64 [text + 1],
            where each begins.

        Raises:
            DataError: no word is left.
        """
        empty = cls.without_words("words", lowercase=lowercase)
        words, numbers, starts = learned.number_runs(empty.runs, texts)
        times = learned.occurrences(numbers)
        counts = Counter({word: int(times[number]) for word, number in words.items()})
        tokenizer = cls._of_counts(counts, "words", lowercase, vocabulary, min_count)
        unknown = tokenizer.unknown or 0
        id_of = np.full(len(times), unknown, np.int32)
        known = tokenizer._inner.get_vocab()
        for word, number in words.items():
            id_of[number] = known.get(word, unknown)
        # In place: both together would take twice the memory.
        for part in in_parts(numbers, _NUMBERED_AT_ONCE):
            part[:] = id_of[part]
        return tokenizer, numbers, starts

    @classmethod
    def _of_counts(
        cls, counts: Counter[str], style: Style, lowercase: bool, vocabulary: int, min_count: int
    ) -> Tokenizer:
        if style not in OPEN:
            for special in (*SPECIALS[style], ""):
                counts.pop(special, None)
        merges: learned.Merges = []
        if style == "subword":
            tokens, merges = learned.learn_subwords(counts, vocabulary, min_count)
        else:
            tokens = learned.most_frequent(counts, vocabulary, min_count)
        if not tokens:
            what = "character" if style in OPEN else "word"
            found = "none"
            if counts:
                found = f"no {what} that occurs {min_count} times or more"
            raise DataError(f"texts with at least one {what}", found, fix="give other texts")
        return cls(library_tokenizer(style, lowercase, tokens, merges), style)

    @classmethod
    @functools.cache
    def without_words(cls, style: Style, *, lowercase: bool) -> Tokenizer:
        """Return a tokenizer that only splits: `runs` works as after training, every word is
        unknown.
        """
        return cls(library_tokenizer(style, lowercase, []), style)

    def extended(self, words: Iterable[str]) -> Tokenizer:
        """Return a tokenizer with more words; the ids of those that it has already do not change.

        Args:
            words: the new words, in the order of their ids. They are converted as texts are (to
                lower case, say). Left out are those that are there already, and those that are more
                than one token.
        """
        old = [self.word(id) for id in range(self.specials, self.size)]
        split = map(self.runs, words)
        new = dict.fromkeys(tokens[0] for tokens in split if len(tokens) == 1)
        for word in (*SPECIALS[self.style], *old):
            new.pop(word, None)
        library = library_tokenizer(self.style, self._lowercase, [*old, *new])
        return Tokenizer(library, self.style)

    def with_new_words(
        self, texts: Iterable[str], *, vocabulary: int, min_count: int = 1
    ) -> Tokenizer:
        """Return a tokenizer that knows the words of `texts` too, the most frequent first; ids
        stay.

        Args:
            texts: any number of texts, read once.
            vocabulary: maximum number of words, those that it has already included.
            min_count: leave out words with fewer occurrences in `texts`.

        Returns:
            This tokenizer where no word is new, or the vocabulary is full or open.
        """
        room = vocabulary - (self.size - self.specials)
        if self.is_open or room <= 0:
            return self
        counts = learned.count_runs(self.runs, texts)
        new = Counter({word: n for word, n in counts.items() if self.id(word) is None})
        words = learned.most_frequent(new, room, min_count)
        return self.extended(words) if words else self

    def to_json(self) -> str:
        """Return the tokenizer as Hugging Face's tokenizer.json; `artifacts.stored_tokenizer` reads
        it.
        """
        return self._inner.to_str(pretty=False)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the words of `text`; -1 for an unknown word in "white-space"."""
        prepared = self._prepared(text)
        known = self._looked_up(prepared, 1)
        return self._ids(self._encoded(prepared).ids) if known is None else known

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Return `encode` of each text, in order, on all cores."""
        waiting = map(self._prepared, texts)
        ids = []
        while chunk := list(itertools.islice(waiting, _ENCODED_AT_ONCE)):
            looked_up = [self._looked_up(text, len(chunk)) for text in chunk]
            others = [text for text, known in zip(chunk, looked_up, strict=True) if known is None]
            encodings = iter(self._inner.encode_batch_fast(others))
            ids += [
                self._ids(next(encodings).ids) if known is None else known for known in looked_up
            ]
        return ids

    def encode_lines(self, text: str) -> TokenIds:
        """Return the ids, int64 [token], of a text of several lines; -1 for a word without an id.

        A line break becomes the id of an end of line, where there is one.
        """
        ids = self.encode_batch(text.split("\n"))
        if self.end_of_line is not None:
            for line in ids[:-1]:
                line.append(self.end_of_line)
        return np.fromiter(itertools.chain.from_iterable(ids), np.int64)

    def encode_with_offsets(self, text: str) -> list[Span]:
        """Return (id, start, end) of each word; it is written as `text[start:end]`.

        Offsets count code points. The ids are those of `encode`; Keras's start of text is (1, 0,
        0). With an open vocabulary the spans follow one another and are together the whole text; of
        a character that has several tokens (its bytes, or the two letters of a lower-case İ) the
        first has its span, the others an empty one.
        """
        prepared = self._prepared(text)
        encoding = self._encoded(prepared)
        spans = encoding.offsets
        if len(prepared) != len(text):
            spans = styles.spans_before_lowering(text, spans)
        if self.is_open:
            spans = styles.spans_in_a_row(spans, len(text))
        elif self.style == "words" and not text.isascii():
            spans = styles.spans_before_composing(text, spans)
        ids = self._ids(encoding.ids)
        if self.start is not None:
            spans = [(0, 0), *spans]
        return [(id, start, end) for id, (start, end) in zip(ids, spans, strict=True)]

    def runs(self, text: str) -> list[str]:
        """Return what is counted of a text to learn a vocabulary: its words; of "char" its
        characters.

        Of "subword": letters or signs with the space before them; a token is a part of one of
        these.
        """
        prepared = self._prepared(text)
        words = styles.plain_words(prepared, self.style, lowercase=self._lowercase)
        if words is None:
            words = styles.library_words(self._inner, prepared)
        return words

    def count_unknown(self, ids: list[int]) -> int:
        """Return how many of a text's ids are unknown words, or with an open vocabulary single
        bytes.
        """
        if self.is_open:
            return sum(id >= self.bytes.start for id in ids)
        return ids.count(self.unknown or 0)

    def spelled_bytes(self, text: str) -> int:
        """Return the bytes to spell the unknown words of a text: those of each word, and one for
        its end.
        """
        if self.is_open:
            return 0
        return sum(utf8_bytes(word) + 1 for word in self.runs(text) if self.id(word) is None)

    def typed(self) -> tuple[list[str], list[int], list[int]]:
        """Return all words, the keys that each costs (`keys_of`), and the ids that are never
        suggested.
        """
        words = [self.word(id) for id in range(self.size)]
        # With the tokens white-space, prepared texts have `<unk>` and `<eos>` as words.
        hidden = [id for id, word in enumerate(words) if word == UNKNOWN or id < self.specials]
        return words, list(map(keys_of, words)), [id for id in hidden if words[id] != END_OF_LINE]

    def word(self, id: int) -> str:
        """Return the word with this id; `<unk>` for -1.

        Raises:
            IndexError: no word has this id.
        """
        if id == -1:
            return UNKNOWN
        word: str | None = self._inner.id_to_token(id) if 0 <= id < self.size else None
        if word is None:
            raise IndexError(f"expected an id from 0 to {self.size - 1}, found {id}")
        return word

    def id(self, word: str) -> int | None:
        """Return the id of this exact word (or special, such as `<eos>`); None where it has
        none.
        """
        id: int | None = self._inner.token_to_id(_SURROGATES.sub("\ufffd", word))
        return None if id is None or id >= self.size else id

    def _encoded(self, prepared: str) -> Encoding:
        # The library holds Python's lock while it encodes one text, but not while it encodes
        # several.
        if len(prepared) > _LONG_TEXT:
            return self._inner.encode_batch([prepared])[0]
        return self._inner.encode(prepared)

    def _looked_up(self, prepared: str, n_texts: int) -> list[int] | None:
        """Return the ids of a plain text by a dictionary, four times as fast as the Rust library;
        or None.

        Building the dictionary takes tens of milliseconds, so it is built after many texts.
        """
        if self._dictionary is None and self._texts_encoded + n_texts <= _TEXTS_BEFORE_DICTIONARY:
            self._texts_encoded += n_texts
            return None
        words = styles.plain_words(prepared, self.style, lowercase=self._lowercase)
        if words is None:
            return None
        if self._dictionary is None:
            self._dictionary = self._inner.get_vocab()
        unknown = self.size if self.unknown is None else self.unknown
        find = self._dictionary.get
        return self._ids([find(word, unknown) for word in words])

    def _ids(self, ids: list[int]) -> list[int]:
        if self.style == "white-space":
            return [id if id < self.size else -1 for id in ids]
        return ids if self.start is None else [self.start, *ids]

    def _prepared(self, text: str) -> str:
        # Rust's strings have no lone surrogates, which JSON may contain. Replaced one for one,
        # offsets stay.
        if not text.isascii() and _SURROGATES.search(text):
            text = _SURROGATES.sub("\ufffd", text)
        # Keras lower-cases by str.lower, which has the Greek final sigma; the normalizer does not.
        return text.lower() if self.style == "keras" and self._lowercase else text


def keys_of(word: str) -> int:
    """Return the keys that a word costs: one for each character, and one for the white space after
    it.

    A mark, such as an emoji of several code points, and a character of a script without spaces cost
    one. The end of a line is the white space of its last word, so it costs nothing itself.
    """
    if word == END_OF_LINE:
        return 0
    is_spaced = any(map(str.isalnum, word)) and not styles.in_unspaced_script(word[-1])
    return len(word) + 1 if is_spaced else 1


def words_of(text: str) -> list[str]:
    """Return the words of a text as the style "words" has them, in the case that they have."""
    return Tokenizer.without_words("words", lowercase=False).runs(text)


def utf8_bytes(text: str) -> int:
    """Return the bytes of a text in UTF-8; a lone surrogate has three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
