"""A thousand texts that tell careless tokenizers apart, the same ones every time."""

from __future__ import annotations

import random
import re
import unicodedata

PIECES = [
    *(chr(code) for code in range(0xA1)),
    *"²³¹¼½¾ªº×÷ßẞİıſKÅΩ℡ⅧⓐﬁﬃａＡ１",
    "ΑΣ",
    "ΣΑΣ",
    "ΌΣΟΣ",
    "Σ",
    "ΑΣ.",
    "ΑΣ\u0301",
    "ΑΣ'",
    "ΑΣ’Α",
    "A\u0345Σ",
    "ΑΣ\u00adΑ",
    "aΣ\u200db",
    "İstanbul",
    "I\u0307",
    "i\u0307",
    "DIYARBAKIR",
    "ǅ",
    "Ǆ",
    "ᏸ",
    "Ꭰ",
    "Ა",
    "ა",
    "ꭰ",
    "Ω",
    "e\u0301",
    "é",
    "o\u0308\u0301",
    "a\u0323\u0307",
    "a\u0307\u0323",
    "q\u0307\u0323",
    "\u0301",
    "\u0344",
    "好" + 61 * "\u0301",
    "a" + 35 * "\u0301\u0327",
    "가",
    "\u1100\u1161\u11a8",
    "\u1100\u1161",
    "각\u11a8",
    "שׁ",
    "\u05e9\u05c1",
    "क\u093c",
    "\u0958",
    "日本語",
    "中文。",
    "한국어",
    "ไทย",
    "हिन्दी",
    "தமிழ்",
    "עִבְרִית",
    "العَرَبِيَّة",
    "مرحبا",
    "\u202eabc\u202c",
    "\u2066x\u2069",
    "\u200e",
    "\u200f",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "🇩🇪",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "☺️",
    "☺",
    "1️⃣",
    "🙂",
    "🫠",
    "𝔘𝔫𝔦",
    "𝒳",
    "𐐀𐐨",
    "𞤀𞤢",
    "𑁒",
    "Ⅳ",
    "⁴",
    "₂",
    "٣",
    "๓",
    "①",
    "㊀",
    "\u0085",
    "\u00a0",
    "\u1680",
    "\u180e",
    *map(chr, range(0x2000, 0x200B)),
    "\u2028",
    "\u2029",
    "\u202f",
    "\u205f",
    "\u3000",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x1f",
    "\x00",
    "\x7f",
    "\r\n",
    "\t",
    "\v",
    "\f",
    "'",
    "’",
    "‘",
    "don't",
    "don’t",
    "don''t",
    "'tis",
    "rock'n'roll",
    "o’",
    "_",
    "__",
    "a_b",
    "‿",
    "⁀",
    "<unk>",
    "<UNK>",
    "<unk",
    "unk>",
    "<<unk>>",
    "x<unk>y",
    "<eos>",
    "<pad>",
    "<start>",
    "<unused>",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    "0",
    "1",
    "-1",
    "1e5",
    "1,000.5",
    "\ud800",
    "\udfff",
    "\udc00x",
    "x\ud83d",
    "\ufffd",
    "\uffff",
    "\ufdd0",
    "\ue000",
    "\U000f0000",
    "\U0010ffff",
    "\U000e0001",
    "\ufe0f",
    "\u034f",
    "<script>",
    "&amp;",
    "=1+1",
    "${x}",
    "\\u0041",
    "\\",
    '"',
]


def nasty_texts(count: int = 1000, seed: int = 1) -> list[str]:
    """Return `count` texts: nasty pieces alone, glued together, and among random letters of all of
    Unicode.

    A lone surrogate never stands before another: together they would be a letter in JavaScript, and
    such a text cannot come from a file.
    """
    rng = random.Random(seed)
    texts = ["", *PIECES]
    while len(texts) < count:
        glue = rng.choice(["", "", " ", "'", "\u0301"])
        chosen = [
            rng.choice(PIECES) if rng.random() < 0.6 else _letter(rng)
            for _ in range(rng.randint(2, 12))
        ]
        texts.append(glue.join(chosen))
    return [re.sub("[\ud800-\udbff](?=[\udc00-\udfff])", "", text) for text in texts[:count]]


def _letter(rng: random.Random) -> str:
    """Return a random letter that Python's Unicode knows; engines may not agree on later ones."""
    while True:
        letter = chr(
            rng.choice([rng.randrange(0x250), rng.randrange(0x10000), rng.randrange(0x20000)])
        )
        if unicodedata.category(letter) not in ("Cn", "Cs"):
            return letter
