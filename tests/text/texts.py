"""Texts in many scripts, for tests of tokens: each with what makes it difficult; and drawn ones."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from foretell.text.tokenizer import Tokenizer

TEXTS = {
    "Turkish": "Iğdır'da İSTANBUL, ılık ıslak; i̇ki İki IĞDIR",
    "German": "Die Donaudampfschifffahrtsgesellschaft hört auf: STRAẞE, Straße, Fußbälle und "
    "Übermut.",
    "Arabic": "مَرْحَبًا بالعالم، كيف حالك؟ \u200f(١٢٣)",
    "Hindi": "नमस्ते दुनिया, क्या हाल है? किताबें १२३।",
    "Thai": "สวัสดีชาวโลก ภาษาไทยไม่มีช่องว่าง กำ",
    "Chinese": "这家酒店很好，服务员也很热情！𠮷野家",
    "Japanese": "今日はとても良い天気です。ｶﾞ行くぞ、ラーメン",
    "emoji": "👩‍👩‍👧 👍🏽 🇩🇪🇹🇷 ❤️ ok",
    "mixed": "e\u0301te\u0301 2²½ <unk> <eos> a  b\tc\u00a0d don't ' x_y 日本 ab\u200b",
}
"""By the language or the kind of text. German, for instance, has long compounds."""

ALL = list(TEXTS.values())

# Letters whose lower case is longer, or depends on the next letter, or that UTF-8 cannot hold.
_LETTERS = "aAσΣİẞı '’-_.,<>unk\t\n\u00a0\x1c\u0301\ud800é²我はカ，👍🏽\u200d🇩🇪中ก้ខ្មㅎ"
HARD = st.text(alphabet=st.sampled_from(list(_LETTERS)), max_size=30)
DRAWN = st.one_of(st.text(max_size=60), HARD)


def trained(
    texts: Iterable[str],
    style: str,
    *,
    lowercase: bool = False,
    vocabulary: int = 1000,
    min_count: int = 1,
) -> Tokenizer:
    """Return the tokenizer of some texts."""
    return Tokenizer.train(
        texts, style, lowercase=lowercase, vocabulary=vocabulary, min_count=min_count
    )  # type: ignore[arg-type]
