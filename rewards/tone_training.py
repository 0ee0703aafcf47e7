"""Trains the tone classifier and writes its weights, its record and its report.

    python -m rewards.tone_training --data ../shared/data            # writes rewards/tone_model.npz and .json
    python -m rewards.tone_training --data ../shared/data --check    # trains again and compares with what is committed

Neutral English sentences come from real proposals of DAOs with permissive licences, loaded ones are made from them by
our own lists and by the mutation engine. What is learned of a pair is its difference, that is the inserted words, so
that topic words cannot become evidence. Neutral sentences also count by themselves, and four DAOs are held out: weights
that call more than `MOST_FLAGGED` of their sentences loaded are refused and nothing is written. No sentence of the data
can be recovered from the weights: they are sums over hashed features.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from proposal.checks import lexicons
from proposal.checks.phrases import fold
from proposal.document import parse
from proposal.errors import AgentError, GateError
from proposal.hashing import sha256_data, sha256_text
from proposal.mutation import mutations
from proposal.template import load_template
from rewards.tone_model import (
    RECORD,
    SURE,
    WEIGHTS,
    ToneModel,
    bucket,
    features,
    load_tone_model,
    write_weights,
)
from rewards.tone_phrases import FILES, wordings

VOCABULARY = Path(__file__).with_name("tone_training.yaml")
TRAINED_ON = ("aave_aips", "synthetix_sips_sccps", "mstable_mips", "rocketpool_rpips", "livepeer_lips")
HELD_OUT = ("ens_proposals", "helium_hips", "yearn_yips", "cosmos_hub")
SENTENCES_PER_FILE = 4_000
CHINESE_SENTENCES = 3_000
LARGEST, SMALLEST = 8.0, 0.2
"""Weights beyond are clipped, and those within are dropped."""
EPOCHS, RATE, DECAY = 6, 0.25, 2e-5
LISTED = ("praise", "blame", "degree", "thing", "act", "mass")
"""Lists of single words; the others are of phrases and sentences."""
WORD_ROUNDS = 4
"""How often each listed word is also learned by itself: by chance alone some would hardly be drawn."""
MAX_PAIRED = 5_000
"""Neutral sentences per language that loaded variants are made of."""
MARGIN = 3.0
"""By how much a loaded sentence should score above its neutral one."""
COMMON, VERY_COMMON = 2, 15
"""Plain sentences from which on a feature, and a listed word, is no evidence any more."""
SEEN_AT_LEAST = 3
"""Sentences a feature must stand in to keep a weight: rarer ones are accidents, and collide with others."""
SEED = 11

_PLAIN = re.compile(r"[A-Z][^|{}<>\[\]`#*_=\\]{30,300}[.]\Z")
_SHOUTING = re.compile(r"[!！]|[\U0001f300-\U0001faff]")


@dataclass(frozen=True, slots=True)
class Pair:
    """A neutral sentence, the same one with something loaded in it, and what that is (or the whole loaded sentence)."""

    neutral: str
    loaded: str
    inserted: str


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, dict[str, Any]]:
    """Return the lists by language; those that are one text are split at spaces."""
    data = yaml.safe_load(VOCABULARY.read_text(encoding="utf-8"))
    return {
        language: {key: value.split() if isinstance(value, str) else value for key, value in lists.items()}
        for language, lists in data.items()
    }


# --- neutral sentences ----------------------------------------------------------------------------------------------


def sentences_of(path: Path, *, limit: int, seed: int) -> list[str]:
    """Return plain sentences of the proposals in one file, in a fixed random order; loaded ones are left out."""
    found: dict[str, None] = {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    Random(seed).shuffle(rows)
    for row in rows:
        for sentence in parse(row.get("body") or "").sentences:
            text = " ".join(sentence.text.split())
            if sentence.block_kind == "paragraph" and _PLAIN.match(text) and not is_loaded(text):
                found[text] = None
        if len(found) >= 4 * limit:
            break
    chosen = sorted(found)
    Random(seed).shuffle(chosen)
    return chosen[:limit]


def is_loaded(text: str) -> bool:
    """Tell whether the phrase lists or the typography already call a sentence loaded."""
    if _SHOUTING.search(text):
        return True
    folded = fold(text)
    return any(lexicons.find(folded, rule) for rule in ("NE-certainty", "NE-loaded", "NE-pressure"))


def chinese_sentences(count: int, seed: int) -> list[str]:
    """Return neutral Chinese sentences composed of our own parts; the sample data has none."""
    words, random = vocabulary()["zh"], Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        subject, when, action = (random.choice(words[key]) for key in ("subject", "time", "action"))
        form = random.randrange(5)
        if form == 0:
            text = f"{subject}{when}{action}。"
        elif form == 1:
            text = f"{subject}{when}{action}，{random.choice(words['reason'])}。"
        elif form == 2:
            text = f"{when}，{subject}将{action}。"
        elif form == 3:
            text = f"{random.choice(words['fact'])}，{subject}因此{action}。"
        else:
            first, second = (random.choice(words["plain"]).rstrip("。") for _ in range(2))
            text = f"{first}，{second}。"
        found[text] = None
    return [*found, *words["plain"]]


# --- loaded variants ------------------------------------------------------------------------------------------------


def loaded_variants(sentence: str, language: str, random: Random, lists: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield variants of a neutral sentence with one loaded thing in each, and the loaded thing."""
    stop = "。" if language == "zh" else "."
    body = sentence.rstrip(stop)
    opener, closer = random.choice(lists["opener"]), random.choice(lists["closer"])
    yield _with_opener(body, opener, language) + stop, opener
    yield body + closer + ("" if closer[-1] in "!！🚀" else stop), closer
    for kind in ("praise", "blame", "degree"):
        word = random.choice(lists[kind])
        place = _before_verb if kind == "degree" else _before_noun
        variant = place(body, word, language, random, lists)
        if variant:
            yield variant + stop, word
    for form, gap, filler in (("say", "", ""), ("name", "{n}", "thing"), ("do", "{v}", "act"), ("feel", "{m}", "mass")):
        text = random.choice(lists[form]).replace("{x}", random.choice(lists["nouns"]))
        text = text.replace(gap, random.choice(lists[filler])) if filler else text
        yield text, text


def _with_opener(body: str, opener: str, language: str) -> str:
    return opener + body if language == "zh" else f"{opener} {body[:1].lower()}{body[1:]}"


def _before_noun(body: str, word: str, language: str, random: Random, lists: dict[str, Any]) -> str:
    places = _places(body, lists["nouns"], language)
    if not places:
        return ""
    place = random.choice(places)
    return body[:place] + word + ("" if language == "zh" else " ") + body[place:]


def _before_verb(body: str, word: str, language: str, random: Random, lists: dict[str, Any]) -> str:
    if language == "zh":
        places = _places(body, [action[:2] for action in lists["action"]] + ["将", "低于", "不"], language)
        return body[: places[0]] + word + body[places[0] :] if places else ""
    places = [place + len(verb) + 1 for verb in lists["verbs"] for place in _places(body, [verb], language)]
    if not places:
        return ""
    place = random.choice(sorted(places))
    return f"{body[:place]}{word} {body[place:]}"


def _places(body: str, words: Sequence[str], language: str) -> list[int]:
    if language == "zh":
        return sorted({body.find(word) for word in words if word in body})
    pattern = r"(?<![A-Za-z])(?:" + "|".join(map(re.escape, words)) + r")(?= )"
    return [match.start() for match in re.finditer(pattern, body)]


def planted(sentence: str, seed: int) -> Iterator[tuple[str, str]]:
    """Yield the sentence with a violation of neutrality planted by the mutation engine, and the violation."""
    kinds = ("certainty", "loaded", "pressure")
    for mutation in mutations(sentence, template=load_template("generic"), seed=seed, kinds=kinds):
        yield " ".join(mutation.text.split()), " ".join(mutation.text[mutation.start : mutation.end].split())


def pairs_of(neutral: Sequence[str], language: str, *, lists: dict[str, Any], seed: int) -> list[Pair]:
    """Return the pairs of all neutral sentences."""
    random = Random(seed)
    found = [Pair(one, *variant) for one in neutral for variant in loaded_variants(one, language, random, lists)]
    found += [Pair("", word, word) for kind in LISTED for word in lists[kind]] * WORD_ROUNDS
    found += [Pair("", word, word) for word in listed_wording(language)]
    found += [Pair(one, *variant) for place, one in enumerate(neutral[::5]) for variant in planted(one, seed + place)]
    return found


def listed_wording(language: str) -> list[str]:
    """Return the phrases of the reward's own lists that have no gap: their parts stand in idioms that no list has."""
    texts = [text for wording in wordings(language) for text in wording.phrases if not set(text) & set("*| ")]
    return [text.replace("_", " ") for text in dict.fromkeys(texts)]


# --- learning -------------------------------------------------------------------------------------------------------


class Learner:
    """Logistic regression on hashed features with AdaGrad steps: pairs by their difference, plain text by itself.

    `barred` are features that plain text uses too: "you" and "treasury" stand in many loaded sentences and say nothing.
    `listed` are the single words of the lists; they are taught first, or the sentences around them would take the
    credit.
    """

    def __init__(self, barred: frozenset[int], listed: frozenset[int]) -> None:
        self.weights: defaultdict[int, float] = defaultdict(float)
        self.squares: defaultdict[int, float] = defaultdict(float)
        self.barred, self.listed = barred, listed
        self.offset = -2.0

    def learn_loaded(self, inserted: dict[int, int]) -> None:
        """Make what was inserted score above nothing by a margin: it is all that the two sentences of a pair differ in.

        The seam between the inserted words and those around it is left out, because it says nothing either way.
        """
        allowed = {place: count for place, count in inserted.items() if place not in self.barred}
        words = {place: count for place, count in allowed.items() if place in self.listed}
        if words:
            self._step(words, 1.0, self._sum(words) - MARGIN)
        self._step(allowed, 1.0, self._sum(allowed) - MARGIN)

    def learn_neutral(self, sentence: dict[int, int]) -> None:
        """Make a plain sentence score low."""
        allowed = {place: count for place, count in sentence.items() if place not in self.barred}
        self.offset += 0.01 * self._step(allowed, 0.0, self._sum(allowed) + self.offset)

    def _sum(self, counts: dict[int, int]) -> float:
        return sum(self.weights[place] * count for place, count in counts.items())

    def _step(self, counts: dict[int, int], label: float, score: float) -> float:
        slope = label - 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
        if abs(slope) < 0.01:
            return slope
        for place, count in counts.items():
            step = slope * count
            self.squares[place] += step * step
            self.weights[place] += RATE * step / math.sqrt(self.squares[place] + 1e-8) - DECAY * self.weights[place]
        return slope


def train(pairs: Sequence[Pair], neutral: Sequence[str], *, lists: dict[str, dict[str, Any]], seed: int) -> Learner:
    """Learn from pairs and from neutral sentences; the same input gives the same weights."""
    loaded_features = [features(pair.inserted) for pair in pairs]
    neutral_features = [features(one) for one in neutral]
    listed = listed_places(lists)
    plain = Counter(place for one in set(neutral) for place in features(one))
    seen = Counter(place for counts in loaded_features for place in counts)
    barred = {place for place, count in plain.items() if count >= (COMMON if place not in listed else VERY_COMMON)}
    barred |= {place for place, count in seen.items() if count + plain[place] < SEEN_AT_LEAST}
    learner, random = Learner(frozenset(barred), listed), Random(seed)
    order = [(True, place) for place in range(len(pairs))] + [(False, place) for place in range(len(neutral))]
    for _ in range(EPOCHS):
        random.shuffle(order)
        for is_pair, place in order:
            if is_pair:
                learner.learn_loaded(loaded_features[place])
            else:
                learner.learn_neutral(neutral_features[place])
    return learner


def listed_places(lists: dict[str, dict[str, Any]]) -> frozenset[int]:
    """Return the places of the single words of the lists."""
    return frozenset(
        bucket(feature)
        for kinds in lists.values()
        for kind in LISTED
        for word in kinds[kind]
        for feature in ("w" + word.lower(), "h" + word[:4])
    )


def compact(learner: Learner) -> ToneModel:
    """Return the model with its weights rounded to signed bytes; the smallest are left out."""
    scale = LARGEST / 127
    weights = {
        place: max(-127, min(127, round(weight / scale)))
        for place, weight in learner.weights.items()
        if abs(weight) >= SMALLEST
    }
    return ToneModel(weights, scale, {"en": (1.0, 0.0), "zh": (1.0, 0.0)})


def line_of(model: ToneModel, neutral: Sequence[str], allowed: float) -> tuple[float, float]:
    """Return the line from sums to probabilities that calls the allowed share of these neutral sentences loaded.

    It runs through `SURE` at that sum and through `UNKNOWN` at a sum of nothing.
    """
    sums = sorted((model.sum(text) for text in neutral), reverse=True)
    limit = max(LEAST_EVIDENCE, sums[min(len(sums) - 1, int(allowed * len(sums)))] + 1e-6)
    slope = (_log_odds(SURE) - _log_odds(UNKNOWN)) / limit
    return round(slope, 4), round(_log_odds(UNKNOWN), 4)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


# --- the whole run --------------------------------------------------------------------------------------------------

LEAST_EVIDENCE = 1.2
"""Sum of weights below which the classifier is never sure: a sentence of unknown words is no evidence."""
UNKNOWN = 0.05
"""Probability of a sentence of which no word has a weight."""
ALLOWED = {"en": 0.01, "zh": 0.01}
"""Share of neutral validation sentences that the classifier may call loaded: precision first."""
MOST_FLAGGED = 0.02
"""Share of plain sentences it was not trained on that it may call loaded: twice what its lines are set to."""


@dataclass(frozen=True)
class Material:
    """Neutral sentences by language, for training and for validation."""

    train: dict[str, list[str]]
    validation: dict[str, list[str]]
    traps: dict[str, list[str]]


def material(data: Path) -> Material:
    """Collect the neutral sentences of the training DAOs and compose the Chinese ones."""
    english = [
        text
        for name in TRAINED_ON
        for text in sentences_of(data / "proposals" / f"{name}.jsonl", limit=SENTENCES_PER_FILE, seed=SEED)
    ]
    Random(SEED).shuffle(english)
    chinese = chinese_sentences(CHINESE_SENTENCES, SEED)
    split = {"en": len(english) * 4 // 5, "zh": len(chinese) * 4 // 5}
    return Material(
        train={"en": english[: split["en"]], "zh": chinese[: split["zh"]]},
        validation={"en": english[split["en"] :], "zh": chinese[split["zh"] :]},
        traps={language: lists["trap"] for language, lists in vocabulary().items()},
    )


def vocabulary_fold(keep: int | None) -> dict[str, dict[str, Any]]:
    """Return the lists without every fifth entry, or (keep = 1) only those entries; None returns all."""
    loaded = {"opener", "closer", "say", *LISTED}
    if keep is None:
        return vocabulary()
    return {
        language: {
            key: [one for place, one in enumerate(value) if (place % 5 == 0) == bool(keep)] if key in loaded else value
            for key, value in lists.items()
        }
        for language, lists in vocabulary().items()
    }


def fit(found: Material, lists: dict[str, dict[str, Any]]) -> ToneModel:
    """Train on the material with these lists and set the lines on the validation sentences."""
    pairs, neutral = [], []
    for language, sentences in found.train.items():
        pairs += pairs_of(sentences[:MAX_PAIRED], language, lists=lists[language], seed=SEED)
        neutral += sentences * 2 + found.traps[language] * 5
    model = compact(train(pairs, neutral, lists=lists, seed=SEED))
    lines = {
        language: line_of(model, sentences + found.traps[language], ALLOWED[language])
        for language, sentences in found.validation.items()
    }
    return ToneModel(model.weights, model.scale, lines)


def share_flagged(model: ToneModel, texts: Sequence[str]) -> float:
    """Return the share of sentences that the classifier alone calls loaded."""
    return round(sum(1 for text in texts if model.weight(text)) / max(1, len(texts)), 4)


def measure_unseen_words(found: Material) -> dict[str, float]:
    """Return the recall on sentences whose loaded words were left out of training, per language."""
    model = fit(found, vocabulary_fold(0))
    unseen = vocabulary_fold(1)
    result = {}
    for language, sentences in found.validation.items():
        random = Random(SEED + 2)
        loaded = [
            variant
            for one in sentences[:300]
            for variant, _ in loaded_variants(one, language, random, unseen[language])
        ]
        result[language] = share_flagged(model, loaded)
    return result


def measure(model: ToneModel, found: Material, data: Path) -> dict[str, Any]:
    """Return what the classifier does on sentences it was not trained on."""
    held_out = {
        name: sentences_of(data / "proposals" / f"{name}.jsonl", limit=SENTENCES_PER_FILE, seed=SEED)
        for name in HELD_OUT
    }
    return {
        "flagged_in_held_out_daos": {
            name: {"sentences": len(texts), "share": share_flagged(model, texts)} for name, texts in held_out.items()
        },
        "flagged_in_validation": {
            language: {"sentences": len(texts), "share": share_flagged(model, texts)}
            for language, texts in found.validation.items()
        },
        "recall_on_unseen_words": measure_unseen_words(found),
    }


def vocabulary_hash() -> str:
    """Return the hash of every list that is learned from."""
    return sha256_data([path.read_text(encoding="utf-8") for path in (VOCABULARY, *FILES.values())])


def record_of(model: ToneModel, found: Material, data: Path, measured: dict[str, Any]) -> dict[str, Any]:
    """Return the training record that is committed beside the weights."""
    return {
        "made_by": "python -m rewards.tone_training",
        "features": len(model.weights),
        "scale": model.scale,
        "lines": {
            language: {"slope": slope, "offset": offset} for language, (slope, offset) in sorted(model.lines.items())
        },
        "weights_sha256": sha256_data(sorted(model.weights.items())),
        "vocabulary_sha256": vocabulary_hash(),
        "trained_on": {
            name: sha256_text((data / "proposals" / f"{name}.jsonl").read_text(encoding="utf-8"))[:16]
            for name in TRAINED_ON
        },
        "held_out": list(HELD_OUT),
        "sentences": {language: len(texts) for language, texts in found.train.items()},
        "settings": {"epochs": EPOCHS, "rate": RATE, "decay": DECAY, "seed": SEED, "allowed": ALLOWED},
        "measured": measured,
    }


def plain_flagged(measured: dict[str, Any]) -> dict[str, float]:
    """Return what share of plain sentences is called loaded: of the DAOs held out together, and of each validation."""
    held_out = measured["flagged_in_held_out_daos"].values()
    read = sum(one["sentences"] for one in held_out)
    shares = {"held-out DAOs": sum(one["share"] * one["sentences"] for one in held_out) / max(1, read)}
    validation = measured["flagged_in_validation"].items()
    return shares | {f"validation ({language})": one["share"] for language, one in validation}


def write(model: ToneModel, record: dict[str, Any], *, weights: Path = WEIGHTS, record_file: Path = RECORD) -> None:
    """Write weights and record; `GateError`, and nothing written, when too many plain sentences are called loaded."""
    over = {name: share for name, share in plain_flagged(record["measured"]).items() if share > MOST_FLAGGED}
    if over:
        raise GateError(
            "the trained classifier calls plain sentences loaded: "
            + ", ".join(f"{share:.1%} of the {name}" for name, share in over.items()),
            where=str(weights),
            expected=f"at most {MOST_FLAGGED:.0%} of each; the weights were left as they are",
            fix=f"in {VOCABULARY.name}, take back words that plain text uses too, or add plain sentences to 'trap'",
        )
    write_weights(model.weights, weights)
    record_file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Train and write, or train and compare; exit code 3 when the weights are refused."""
    parser = argparse.ArgumentParser(prog="python -m rewards.tone_training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with proposals/*.jsonl")
    parser.add_argument("--check", action="store_true", help="compare with the committed weights instead of writing")
    options = parser.parse_args(arguments)
    found = material(options.data)
    model = fit(found, vocabulary())
    if options.check:
        same = model.weights == load_tone_model().weights
        sys.stdout.write("the committed weights are reproduced\n" if same else "the weights differ\n")
        return 0 if same else 1
    record = record_of(model, found, options.data, measure(model, found, options.data))
    sys.stdout.write(json.dumps(record["measured"], indent=2, ensure_ascii=False) + "\n")
    try:
        write(model, record)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
