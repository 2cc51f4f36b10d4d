"""Texts in many scripts, for tests of tokens: each with what makes it difficult."""

TEXTS = {
    "Turkish": "Iğdır'da İSTANBUL, ılık ıslak; i̇ki İki IĞDIR",
    "German": "Die Donaudampfschifffahrtsgesellschaft hört auf: STRAẞE, Straße, Fußbälle und Übermut.",
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
