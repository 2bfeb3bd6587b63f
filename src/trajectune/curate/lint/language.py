"""A turn of the agent in a language that the rest of the conversation does not speak, and did not ask for.

The idea: scripts are told apart by their letters, and languages of one script by the small words that every
sentence of theirs needs. That is coarse, needs no model, and errs on the side of silence: names,
code and single foreign words are no language.

Invariant: a language that the user speaks, or speaks of ("in French", "translate"), is never a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.transcript import Transcript

LETTERS = 8
"""Letters of another script, in one stretch of text, that are more than a name."""
WORDS = 8
"""Words of a sentence that is looked at."""
SHARE = 0.34
"""Share of small words of a language from which a sentence is in it, with half of it at most of others."""
FEW = 3
"""Different small words of other languages without which no sentence of theirs is looked for."""
OPENING, HEARD = 2_000, 20_000
"""Characters of what was asked that are looked at first, and at most."""
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_SCRIPTS = {
    "Chinese": "\u4e00-\u9fff\u3400-\u4dbf",
    "Japanese": "\u3040-\u30ff",
    "Korean": "\uac00-\ud7af",
    "Cyrillic": "\u0400-\u04ff",
    "Arabic": "\u0600-\u06ff",
    "Hebrew": "\u0590-\u05ff",
    "Greek": "\u0370-\u03ff",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
}
_RUNS = {
    name: re.compile(
        f"[{letters}](?:[\\s\\d.,;:!?、。，；：！？（）()「」-]*[{letters}]){{{LETTERS - 1},}}"
    )
    for name, letters in _SCRIPTS.items()
}
_ANY = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_SMALL = {
    "English": "the of and to in is that it for was on are with as be this by not or from have at which i "
    "we you an a but they will can there if my so need should",
    "German": "der die das und ist nicht ein eine zu den mit sich des auf für im dem von ich wir sie es "
    "auch aber nach wenn werden wird als aus bei muss jetzt hat einen",
    "French": "le la les de des et est un une dans que qui pour pas ne sur au avec je il nous vous ce "
    "cette sont du en plus par mais à dois maintenant",
    "Spanish": "el la los las de y es un una en que no por para con se del al lo como más pero su yo este "
    "esta ahora debo son hay está",
    "Italian": "il lo la gli le di e è un una in che non per con si del della al come più ma io questo "
    "questa sono ora devo nel dei i",
    "Portuguese": "o a os as de e é um uma em que não por para com se do da no na mais mas eu este esta "
    "são agora devo ao dos das",
    "Dutch": "de het een en van is niet in dat op te zijn voor met die ik wij aan er om ook als maar nu "
    "moet naar bij wordt",
}
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\n]+")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\{[^{}]*\}|\[[^\[\]]*\]|\"[^\"\n]*\"", re.DOTALL)
_OTHERS = "Russian Ukrainian Bulgarian Hindi Turkish Polish Vietnamese Indonesian Swedish Mandarin"
_NAMED = "|".join([*_SMALL, *_SCRIPTS, *_OTHERS.split()])
_ASKS = re.compile(
    rf"\btranslat\w*|\b(?:in|into|to|from|speak\w*|learn\w*|using) (?:{_NAMED})\b"
    rf"|\b(?:{_NAMED}) (?:translation|version|words?|phrases?|sentences?|text|poem)\b|翻译|翻譯",
    re.IGNORECASE,
)
"""How somebody asks for another language."""
Stretch = tuple[str, int, int]
"""A language, and where in a text it begins and ends."""
_SETS = {name: frozenset(words.split()) for name, words in _SMALL.items()}
_ALSO_ENGLISH = (
    "i a an no me on do come per die al o e y la le de en es os se du um as also so is in we war men ten"
)
_NOT_ENGLISH = frozenset().union(*_SETS.values()) - _SETS["English"] - set(_ALSO_ENGLISH.split())


def mixed_languages(row: Transcript) -> Iterator[Finding]:
    """The first turn of the agent in another language than everybody else's.

    Most rows are done after a quick look at each turn; only where that says something, all is read.
    """
    asked = row.asked()
    is_other = _may_be_other(asked[:OPENING])
    for turn in row.agent:
        if not turn.trained:
            continue
        words = turn.thought if turn.form else turn.text  # the call beside a thought is code
        place = _foreign_script(turn.text, asked)
        if place is not None:
            words = turn.text
        elif is_other or _may_be_other(words):
            place = next(_sentences(words, _spoken(row, asked)), None)
        if place is not None and not _ASKS.search(asked):
            name, start, end = place
            why = f"{name} in a conversation that has none of it"
            yield found(DataFault.MIXED_LANGUAGES, turn.place, why, words, start, end)
            return


def _may_be_other(text: str) -> bool:
    """Whether a text may hold a sentence that is not English: a quick look that most texts do not pass."""
    return len(_NOT_ENGLISH & set(text.lower().split())) >= FEW


def _foreign_script(text: str, asked: str) -> Stretch | None:
    """The first stretch of a text in a script of which the others write no letter."""
    if not _BEYOND_ASCII.search(text):
        return None
    for name, run in _RUNS.items():
        place = run.search(text)
        if place and not _ANY[name].search(asked):
            return name, place.start(), place.end()
    return None


def _spoken(row: Transcript, asked: str) -> frozenset[str]:
    """The languages of what was asked and observed, as a whole and by sentence; else the agent's own."""
    heard = asked[:HEARD]
    theirs = {name for name, _, _ in _sentences(heard)} | _whole(heard)
    return frozenset(theirs or _whole("\n".join(turn.text for turn in row.agent)))


def _whole(text: str) -> set[str]:
    """The language that most small words of a text are of."""
    votes = _votes(_WORD.findall(text.lower()))
    best = max(votes, key=votes.__getitem__)
    return {best} if votes[best] >= FEW else set()


def _votes(words: Sequence[str]) -> dict[str, int]:
    return {name: sum(word in small for word in words) for name, small in _SETS.items()}


def _sentences(text: str, spoken: frozenset[str] = frozenset()) -> Iterator[Stretch]:
    """The sentences of a text that are clearly in a language and in none of `spoken`; code apart."""
    bare = _CODE.sub(lambda found: " " * len(found[0]), text)
    for sentence in _SENTENCE.finditer(bare):
        language = _language(sentence[0], spoken)
        if language:
            yield language, sentence.start(), sentence.end()


def _language(sentence: str, spoken: frozenset[str]) -> str:
    """The language of a sentence; empty where it is short, not clear, or one of `spoken`.

    Sisters share small words: that Spanish looks somewhat like Italian makes it no less foreign to English.
    """
    words = _WORD.findall(sentence.lower())
    if len(words) < WORDS:
        return ""
    votes = _votes(words)
    best = max(votes, key=votes.__getitem__)
    known = max((votes[name] for name in (spoken or {"English"}) - {best}), default=0)
    is_clear = votes[best] >= SHARE * len(words) and known * 2 <= votes[best]
    return best if is_clear and best not in spoken else ""
