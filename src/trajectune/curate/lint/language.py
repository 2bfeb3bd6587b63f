"""A turn of the agent in a language that the rest of the conversation does not speak, and did not ask for.

The idea: scripts are told apart by their letters, and languages of one script by the small words that every
sentence of theirs needs. That is coarse, needs no model, and errs on the side of silence: names,
code and single foreign words are no language.

Invariant: a language that the user speaks, or speaks of ("in French", "translate"), is never a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.transcript import Transcript

LETTERS = 8
"""Letters of another script, in one stretch of text, that are more than a name."""
WORDS = 8
"""Words of a sentence that is looked at."""
SHARE = 0.34
"""Share of small words of a language from which a sentence is in it; of others it must have half at most."""
FEW = 3
"""Different small words of other languages without which no sentence of theirs is looked for."""
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
    name: re.compile(f"[{letters}](?:[\\s\\d.,;:!?、。，；：！？（）()「」-]*[{letters}]){{{LETTERS - 1},}}")
    for name, letters in _SCRIPTS.items()
}
_ANY = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_SMALL = {
    "English": "the of and to in is that it for was on are with as be this by not or from have at which i we "
    "you an a but they will can there if my so need should",
    "German": "der die das und ist nicht ein eine zu den mit sich des auf für im dem von ich wir sie es auch "
    "aber nach wenn werden wird als aus bei muss jetzt hat einen",
    "French": "le la les de des et est un une dans que qui pour pas ne sur au avec je il nous vous ce cette "
    "sont du en plus par mais à dois maintenant",
    "Spanish": "el la los las de y es un una en que no por para con se del al lo como más pero su yo este "
    "esta ahora debo son hay está",
    "Italian": "il lo la gli le di e è un una in che non per con si del della al come più ma io questo questa "
    "sono ora devo nel dei i",
    "Portuguese": "o a os as de e é um uma em que não por para com se do da no na mais mas eu este esta são "
    "agora devo ao dos das",
    "Dutch": "de het een en van is niet in dat op te zijn voor met die ik wij aan er om ook als maar nu moet "
    "naar bij wordt",
}
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\n]+")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\{.*\}|\[.*?\]|\"[^\"\n]*\"", re.DOTALL)
_ASKS = re.compile(r"\b(?:translat\w*|languages?|in (?:" + "|".join(_SMALL) + r"))\b|翻译|翻譯", re.IGNORECASE)
Stretch = tuple[str, int, int]
"""A language, and where in a text it begins and ends."""
_SETS = {name: frozenset(words.split()) for name, words in _SMALL.items()}
_NOT_ENGLISH = frozenset().union(*_SETS.values()) - _SETS["English"]


def mixed_languages(row: Transcript) -> Iterator[Finding]:
    """The agent's turns in another language than everybody else's, the first of each row."""
    asked = row.asked()
    if _ASKS.search(asked):
        return
    spoken: set[str] | None = None
    other = _may_be_other(asked)
    for turn in row.agent:
        if not turn.trained:
            continue
        place = _foreign_script(turn.text, asked)
        if place is None and (other or _may_be_other(turn.text)):
            spoken = _spoken(row, asked) if spoken is None else spoken
            place = next((each for each in _sentences(turn.text) if each[0] not in spoken), None)
        if place is not None:
            name, start, end = place
            why = f"{name} in a conversation that has none of it"
            yield found(DataFault.MIXED_LANGUAGES, turn.place, why, turn.text, start, end)
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


def _spoken(row: Transcript, asked: str) -> set[str]:
    """The languages of the user's and environment's sentences, and the one of most sentences of the row."""
    theirs = Counter(name for name, _, _ in _sentences(asked))
    agents = Counter(name for turn in row.agent for name, _, _ in _sentences(turn.text))
    main = [name for name, _ in (theirs + agents).most_common(1)]
    return {*theirs, *main, *(name for name in _SMALL if name in asked)}


def _sentences(text: str) -> Iterator[Stretch]:
    """The sentences of a text that are clearly in a language, code and quotes apart."""
    bare = _CODE.sub(lambda found: " " * len(found[0]), text)
    for sentence in _SENTENCE.finditer(bare):
        language = _language(sentence[0])
        if language:
            yield language, sentence.start(), sentence.end()


def _language(sentence: str) -> str:
    """The language of a sentence; empty where it is short or not clear."""
    words = _WORD.findall(sentence.lower())
    if len(words) < WORDS:
        return ""
    votes = {name: sum(word in small for word in words) for name, small in _SETS.items()}
    best = max(votes, key=votes.__getitem__)
    most = votes.pop(best)
    second = max(votes.values())
    return best if most >= SHARE * len(words) and second * 2 <= most else ""
