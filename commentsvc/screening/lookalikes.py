"""Letters of other scripts that look like Latin ones, and words that mix them in to hide.

The pairs are facts of Unicode's confusables table (UTS #39) for the scripts that people's keyboards
and "fancy text" pages offer, and a few that only a reader would take for the letter ("т" for t).
"""

import re
from functools import lru_cache
from typing import Final

from commentsvc.screening.lexicon import common, masked, telling
from commentsvc.screening.reading import Draft, Edit


def _pairs(*groups: str) -> dict[str, str]:
    """Return look-alike -> letter from groups such as "аa еe"."""
    return {pair[0]: pair[1] for group in groups for pair in group.split()}


CYRILLIC: Final = _pairs(
    "аa еe оo рp сc уy хx іi јj ѕs һh ԁd ԛq ԝw ѵv ӏl ҽe ѡw ґr",
    "кk тt мm нh вb гr ьb",
    "АA ВB ЕE КK МM НH ОO РP СC ТT УY ХX ІI ЈJ ЅS ԌG ԚQ ԜW ѴV ҮY ЬB ӀI",
)
GREEK: Final = _pairs(
    "αa ιi κk νv οo ρp υu χx τt η" "n γy ϳj ϲc σo εe ωw",
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ϹC ͿJ ϺM ϜF",
)
OTHER: Final = _pairs(
    "հh ոn ռn օo ցg ս" "u ւi ք" "f զq աw ՕO ՍU ՏS",  # Armenian
    "ᎪA ᏴB ᏟC ᎠD ᎬE ᏀG ᎻH ᎫJ ᏦK ᏞL ᎷM ᏢP ᎡR ᏒR ᏕS ᏚS ᎢT ᏙV ᎳW ᎩY ᏃZ ᏂH ᎥI ᏧD",  # Cherokee
    "ꓮA ꓐB ꓚC ꓓD ꓰE ꓝF ꓖG ꓧH ꓲI ꓙJ ꓗK ꓡL ꓟM ꓠN ꓳO ꓑP ꓣR ꓢS ꓔT ꓴU ꓦV ꓪW ꓫX ꓬY ꓜZ",  # Lisu
    "ⲤC ⲎH ⲒI ⲔK ⲘM ⲚN ⲞO ⲢP ⲦT ⲬX ⲨY ⲥc ⲟo ⲣp ⲓi",  # Coptic
    "ᗅA ᗷB ᗞD ᗪD ᖴF ᕼH ᒍJ ᒪL ᗰM ᑎN ᑭP ᖇR ᑌU ᐯV ᗯW ᑕC ᗩA",  # Canadian syllabics
)
SMALL_CAPITALS: Final = _pairs(
    "ᴀA ʙB ᴄC ᴅD ᴇE ꜰF ɢG ʜH ɪI ᴊJ ᴋK ʟL ᴍM ɴN ᴏO ᴘP ꞯQ ʀR ꜱS ᴛT ᴜU ᴠV ᴡW ʏY ᴢZ ɑa ɡg ƒf"
)
_FOR_KNOWN_WORDS: Final = _pairs(
    "пn иu цu шw щw яr зe чy лn фo ёe йu дd эe юo",
    "βb Σe Λa Δa Πn σo μu λa δd πn θo Ωo ςc ζz ξe",
    "øo łl đd ħh ŧt ɨi ʉu ɛe ɔo ŋn ʃs ɯw ɩi ɾr ʋu ʌu ıi ĸk ƙk ƈc ɗd ɓb ɠg ɦh ɱm ʂs ʈt ʑz ßb þp ðd",
)
"""Likenesses too loose for any word; good enough where a word of the lexicon comes out."""

_LATIN_TWINS: Final = frozenset("aceijopsxyhkmtbABCEHIJKMOPSTXYnuvwNZ")
"""Latin letters that a Russian or Greek typist may have hit by mistake for their own."""

STRICT: Final = {**CYRILLIC, **GREEK, **OTHER, **SMALL_CAPITALS}
_STRICT_TABLE: Final = str.maketrans(STRICT)
LOOSE_TABLE: Final = str.maketrans({**_FOR_KNOWN_WORDS, **STRICT})
_LOOKALIKE: Final = re.compile(f"[{''.join(STRICT)}]")
_WORD: Final = re.compile(r"[^\W_]+")
_LATIN: Final = re.compile(r"[A-Za-z]")
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")
_OTHER_LETTER: Final = re.compile(r"[^\W\d_A-Za-z]")
_SMALL_CAPITAL: Final = re.compile(f"[{''.join(SMALL_CAPITALS)}]")


def unmask_lookalikes(draft: Draft) -> None:
    """Write in Latin letters the words that only look as if they were.

    A word with a Latin letter, all of whose other letters are look-alikes, is taken for a Latin
    word: at once where one of its Latin letters has no twin in another script, else where most of
    the text's letters are Latin. Where such a word was found and most of the text is Latin, words
    made of look-alikes alone are read as Latin too. What is shorter than four letters must be a
    known word. So a text in Cyrillic or Greek stays as it is,
    names, typing mistakes and all, unless a word of it spells one that people mask; and so do "5 μm"
    and "Δt", whose letters no Latin word has.
    """
    text = draft.text
    if text.isascii() or _LOOKALIKE.search(text) is None:
        return
    sure: list[Edit] = []
    unsure: list[Edit] = []
    alone: list[Edit] = []
    latin = foreign = 0
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii():
            latin += len(word)
            continue
        written = _in_latin(word)
        if written is None:
            foreign += len(_FOREIGN.findall(word))
            continue
        low = written.lower()
        known = low in masked() or low in telling() or low in common()
        found = _LATIN.findall(word)
        capitals = len(_SMALL_CAPITAL.findall(word))
        if capitals == 1 and len(_FOREIGN.findall(word)) == 1:
            certain = known and low not in common()  # else it may be phonetic: "bɪt"
        elif found:
            certain = not _LATIN_TWINS.issuperset(found)
        else:
            certain = capitals > 1 or (len(word) > 3 and low in masked())
        if not known and (len(word) < 4 or capitals == 1):
            continue
        edit = (match.start(), match.end(), written)
        (sure if certain else unsure if found else alone).append(edit)
    latin += sum(end - start for start, end, _ in sure)
    foreign += sum(end - start for start, end, _ in alone)
    if latin > foreign:
        sure += unsure
        if sure:
            sure += alone
    draft.apply(sorted(sure))


def _in_latin(word: str) -> str | None:
    """Return *word* in Latin letters, or None where a letter of another kind is in it."""
    written = word.translate(_STRICT_TABLE)
    if _OTHER_LETTER.search(written):
        return None
    if _SMALL_CAPITAL.search(word) and _LATIN.search(written):
        # Small capitals are a font: the reader sees no difference between ꜱ and s.
        return written if word[:1].isupper() else written.lower()
    return written


@lru_cache(maxsize=1)
def lookalike_class() -> str:
    """Return every look-alike, strict or loose, for use inside a regular expression's brackets."""
    return "".join(map(chr, LOOSE_TABLE))
