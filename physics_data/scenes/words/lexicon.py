"""Tables of words: text to words with their readings, in any language that has a table beside this module."""

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from physics_data.scenes.source_lines import read_source

FOLDER = Path(__file__).parent
LANGUAGES = tuple(sorted(path.stem.removeprefix("lexicon_") for path in FOLDER.glob("lexicon_*.yaml")))
"""Language codes that have a table."""

_TOKEN = re.compile(r"\d+(?:\.\d+)?|m/s|[^\W\d_]+(?:['-][^\W\d_]+)*|[,;:.!?]")
_MEANINGS = (
    *("things", "colors", "materials", "sizes", "masses", "speeds", "numbers", "units", "verbs", "premodifiers"),
    *("relations", "particles", "connectives", "direction", "gravity", "light", "camera"),
)
_LISTS = (
    *("relative", "pronouns", "definite", "indefinite", "another", "group_words", "negations", "auxiliaries"),
    *("filler", "camera_words", "counters"),
)
_FINALS = str.maketrans({"ㄴ": "\u11ab", "ㄹ": "\u11af", "ㅁ": "\u11b7", "ㅂ": "\u11b8", "ㅆ": "\u11bb"})
"""Consonants as they are typed alone, as the closing consonants of a syllable."""


@dataclass(frozen=True)
class Word:
    """One word or phrase of a text.

    readings:   table → meaning, e.g. {"verbs": "roll"}; empty = unknown
    case:       role that a particle of a head-final language gives it
    participle: a form such as "hit", "pushed"; ing: such as "rolling"; adnominal: a verb before its noun
    read_as:    what a misspelt word was taken for
    """

    text: str
    readings: Mapping[str, Any] = field(default_factory=dict)
    case: str | None = None
    participle: bool = False
    ing: bool = False
    adnominal: bool = False
    read_as: str | None = None

    def get(self, table: str) -> Any:
        """Return the meaning in a table, or None."""
        return self.readings.get(table)


class Lexicon:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        """Read a table."""
        data: dict[str, Any] = read_source(FOLDER / f"lexicon_{language}.yaml").data
        self.language = language
        self.is_head_final = data["order"] == "head_final"
        self._suffixes: dict[str, list[str]] = data.get("suffixes", {})
        self._irregular: dict[str, str] = data.get("irregular", {})
        self._endings = re.compile(_plain(data["endings"].translate(_FINALS))) if "endings" in data else None
        self._adnominal = re.compile(_plain(data["adnominal"].translate(_FINALS))) if "adnominal" in data else None
        self._cases: dict[str, str | None] = {}
        if self.is_head_final:
            plain = {_plain(form): case for case, forms in data["particles"].items() for form in forms}
            plural = ["", *(_plain(form) for form in data["plural"])]
            self._cases = {p + form: case for p in plural for form, case in {"": None, **plain}.items()}
        self._first_words: dict[str, dict[Any, str]] = {}
        self._phrases: dict[str, list[tuple[tuple[str, ...], str, Any]]] = {}
        self._one_word: dict[str, list[tuple[str, Any]]] = {}
        for table, meaning, form in _entries(data, self.is_head_final):
            self._first_words.setdefault(table, {}).setdefault(meaning, form)
            parts = tuple(_plain(part) for part in form.lower().split())
            self._phrases.setdefault(parts[0], []).append((parts, table, meaning))
            if len(parts) == 1:
                self._one_word.setdefault(parts[0], []).append((table, meaning))

    def words_for(self, table: str) -> dict[Any, str]:
        """Return meaning → its first word, for messages."""
        return dict(self._first_words.get(table, {}))

    def read(self, text: str) -> list[Word]:
        """Return the words of a text, the longest known phrases first; punctuation stays as words "," and "."."""
        raw: list[str] = []
        for token in _TOKEN.findall(unicodedata.normalize("NFC", text.lower())):
            whole = [token] if "-" not in token or self._one(token) else token.split("-")
            raw.extend(whole)
        words: list[Word] = []
        at = 0
        while at < len(raw):
            word, used = self._longest(raw, at)
            words.extend(word)
            at += used
        return _quantities(words)

    def _longest(self, raw: list[str], at: int) -> tuple[list[Word], int]:
        token = raw[at]
        if not token[0].isalpha():
            is_number = token[0].isdigit()
            return [Word(token, {"numbers": float(token)} if is_number else {"comma": token})], 1
        best: dict[str, Any] = {}
        length, last = 0, Word(token)
        for first in self._firsts(token):
            for parts, table, meaning in self._phrases.get(first, ()):
                if len(parts) < max(length, 1) or at + len(parts) > len(raw):
                    continue
                match = self._matches(parts, raw[at : at + len(parts)], table)
                if match is None:
                    continue
                if len(parts) > length:
                    best, length, last = {}, len(parts), match
                best.setdefault(table, meaning)
                if match.case or match.adnominal:
                    last = match
        if length:
            text = " ".join(raw[at : at + length])
            form = raw[at] if length == 1 or not self.is_head_final else raw[at + length - 1]
            return [
                Word(text, best, last.case, self._is_participle(form), form.endswith("ing"), last.adnominal)
            ], length
        if self.is_head_final:
            joined = self._compound(_plain(token))
            if joined:
                return joined, 1
            if _plain(token) in self._cases:
                return [Word(token, {"filler": token})], 1
        return [self._misspelt(token)], 1

    def _firsts(self, token: str) -> list[str]:
        if not self.is_head_final:
            return self._stems(token)
        plain = _plain(token)
        return [plain[:end] for end in range(len(plain), 0, -1) if plain[:end] in self._phrases]

    def _matches(self, parts: tuple[str, ...], raw: list[str], table: str) -> Word | None:
        if not self.is_head_final:
            return Word(raw[0]) if all(part in self._stems(r) for part, r in zip(parts, raw, strict=True)) else None
        if any(part != _plain(r) for part, r in zip(parts[:-1], raw[:-1], strict=True)):
            return None
        rest = _plain(raw[-1])
        if not rest.startswith(parts[-1]):
            return None
        rest = rest[len(parts[-1]) :]
        if table in ("verbs", "premodifiers"):
            assert self._endings is not None and self._adnominal is not None
            if rest and not self._endings.fullmatch(rest):
                return None
            return Word(raw[-1], adnominal=bool(self._adnominal.fullmatch(rest)))
        return Word(raw[-1], case=self._cases[rest]) if rest in self._cases else None

    def _stems(self, token: str) -> list[str]:
        """Return what an inflected English-like word may come from, itself first."""
        found = [token]
        if token in self._irregular:
            found.append(self._irregular[token])
        for suffix, replacements in self._suffixes.items():
            if token.endswith(suffix) and len(token) > len(suffix) + 1:
                stem = token[: -len(suffix)]
                found += [stem + replacement for replacement in replacements]
                if len(stem) > 2 and stem[-1] == stem[-2]:
                    found.append(stem[:-1])
        return found

    def _is_participle(self, token: str) -> bool:
        return token.endswith(("ed", "en", "wn")) or token in self._irregular or token in ("hit", "knocked", "struck")

    def _one(self, token: str) -> bool:
        return any(stem in self._one_word for stem in self._stems(_plain(token)))

    def _compound(self, plain: str) -> list[Word]:
        """Return the parts of words that are written together, e.g. rubber + ball."""
        for end in range(len(plain) - 1, 0, -1):
            readings = dict(self._one_word.get(plain[:end], ()))
            kept = {t: m for t, m in readings.items() if t in ("materials", "colors", "sizes", "numbers", "masses")}
            if not kept:
                continue
            word, _ = self._longest([unicodedata.normalize("NFC", plain[end:])], 0)
            if word and any(w.get("things") or w.get("counters") for w in word):
                return [Word(unicodedata.normalize("NFC", plain[:end]), kept), *word]
        return []

    def _misspelt(self, token: str) -> Word:
        plain = _plain(token)
        tails = [""]
        if self.is_head_final:
            tails = sorted((tail for tail in self._cases if plain.endswith(tail)), key=len, reverse=True)
        for tail in tails:
            stem = plain[: len(plain) - len(tail)] if tail else plain
            if len(unicodedata.normalize("NFC", stem)) < (2 if self.is_head_final else 3):
                continue
            for candidate in self._stems(stem) if not self.is_head_final else [stem]:
                near = sorted(known for known in self._one_word if _one_slip(candidate, known, self.is_head_final))
                readings = {t: m for known in near[:1] for t, m in self._one_word[known]}
                readings.pop("filler", None)
                if readings:
                    read_as = unicodedata.normalize("NFC", near[0])
                    ing = token.endswith("ing")
                    return Word(token, readings, self._cases.get(tail), self._is_participle(token), ing, False, read_as)
        case = next((self._cases[tail] for tail in tails if tail), None) if self.is_head_final else None
        return Word(token, {}, case)


@functools.cache
def lexicon(language: str) -> Lexicon:
    """Return the table of a language, read once."""
    return Lexicon(language)


@functools.cache
def things() -> dict[str, dict[str, Any]]:
    """Return what things are: name → shape, material and kind."""
    return read_source(FOLDER / "things.yaml").data


def language_of(text: str) -> str:
    """Return the language whose table reads most of a text; English where there is a tie."""

    def known(language: str) -> int:
        words = lexicon(language).read(text)
        return sum(len(w.text) for w in words if set(w.readings) - {"comma", "numbers"} and not w.read_as)

    return max(sorted(LANGUAGES, key=lambda language: language != "en"), key=known)


def _entries(data: Mapping[str, Any], head_final: bool) -> Iterator[tuple[str, Any, str]]:
    for table in _MEANINGS:
        if table == "particles" and head_final:
            continue
        for meaning, forms in data.get(table, {}).items():
            for form in forms:
                yield table, int(meaning) if table == "numbers" else meaning, str(form)
    for table in _LISTS:
        for form in data.get(table, []):
            yield table, str(form), str(form)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _one_slip(given: str, known: str, letters_of_syllables: bool) -> bool:
    """Return whether one swap of neighbours, one letter too many or one missing, or one wrong one in a long word."""
    if given == known or abs(len(given) - len(known)) > 1 or len(known) < (5 if letters_of_syllables else 4):
        return False
    if len(given) == len(known):
        differ = [k for k, (a, b) in enumerate(zip(given, known, strict=True)) if a != b]
        if len(differ) == 2 and differ[1] == differ[0] + 1:
            return given[differ[0]] == known[differ[1]] and given[differ[1]] == known[differ[0]]
        return len(differ) == 1 and differ[0] > 0 and len(known) >= 6
    short, long = sorted((given, known), key=len)
    if short[0] != long[0]:
        return False
    return any(long[:k] + long[k + 1 :] == short for k in range(1, len(long)))


def _quantities(words: list[Word]) -> list[Word]:
    """Join a number and the unit after it."""
    found: list[Word] = []
    for word in words:
        unit = word.get("units")
        if unit is not None and found and found[-1].get("numbers") is not None:
            number = found.pop()
            text = f"{number.text} {word.text}"
            found.append(Word(text, {"quantity": (float(number.get("numbers")), unit)}, word.case))
        else:
            found.append(word)
    return found
