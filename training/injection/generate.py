#!/usr/bin/env python3
"""Writes the training data of the injection classifier: attacks and honest look-alikes.

    python3 generate.py OUT_FOLDER [--seed N]

Templates and word banks are in `data/`; all wording is our own. The same seed gives the same bytes. The payloads are
harmless or generic on purpose: what is learned is the form of an attack. Each row names its template family as
`source`, so that a model can be judged on families that it has not seen.
"""

import argparse
import hashlib
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from carriers import CARRIERS, SLOTS  # noqa: E402
from obfuscate import OBFUSCATIONS  # noqa: E402
from templates import Bank, read_sections  # noqa: E402

DATA = Path(__file__).parent / "data"


class Writer:
    """Collects rows, without repetitions."""

    def __init__(self, bank):
        self.bank, self.rows, self.seen = bank, [], set()

    def add(self, text, label, family, lang, tier, role, source):
        """Adds a row, if its text is new."""
        text = text.strip()
        digest = hashlib.sha256(text.encode()).digest()[:12]
        if len(text) < 4 or digest in self.seen:
            return False
        self.seen.add(digest)
        row = {"id": "", "text": text, "label": label, "family": family, "lang": lang, "tier": tier, "role": role,
               "source": source}
        self.rows.append(row)
        return True

    def fill(self, wanted, make):
        """Calls `make` until it has added as many rows as wanted, or finds nothing new."""
        added = tries = 0
        while added < wanted and tries < wanted * 6:
            tries += 1
            added += bool(make())


def sections(writer, name, label, share):
    """Rows from the templates of a file."""
    rng, bank = writer.bank.rng, writer.bank
    for section in read_sections(DATA / name):
        source, family, *rest, templates = section
        tier = rest[0] if label == "attack" else "benign"
        wanted = int(int(rest[-1]) * share)

        def make():
            template = rng.choice(templates)
            role = "system" if family == "system_prompt" and rng.random() < 0.7 else "user"
            return writer.add(bank.vary(bank.expand(template)), label, family, "en", tier, role, source)

        writer.fill(wanted, make)


def languages(writer, share):
    """Attacks and everyday requests in other languages, with the same carriers around both."""
    rng, bank = writer.bank.rng, writer.bank
    for path in sorted(DATA.glob("lang_*.json")):
        for lang, part in json.loads(path.read_text(encoding="utf-8")).items():
            local = {k: v for k, v in part.items() if isinstance(v, list)}
            for label, keys in (("attack", ("override", "extract", "persona", "secret")), ("benign", ("benign",))):
                for key in keys:
                    if key not in local:
                        continue

                    def make(key=key, label=label):
                        text = bank.expand(rng.choice(local[key]), local)
                        if rng.random() < 0.35:
                            more = bank.expand(rng.choice(local["benign"]), local)
                            text = f"{more} {text}" if rng.random() < 0.6 else f"{text} {more}"
                        families = {"override": "INSTRUCTION_OVERRIDE", "extract": "PROMPT_EXTRACTION",
                                    "persona": "PERSONA_JAILBREAK", "secret": "SECRET_GAME", "benign": "everyday"}
                        tier = "benign" if label == "benign" else "explicit"
                        return writer.add(text, label, families[key], lang, tier, "user", f"lang_{lang}_{key}")

                    writer.fill(int((34 if label == "attack" else 150) * share), make)


def embedded(writer, share):
    """Documents and tool results, with an instruction in them and without one."""
    rng, bank = writer.bank.rng, writer.bank
    for name, (carrier, role) in CARRIERS.items():
        def attack():
            text = carrier(bank, bank.expand("{injected}"))
            return writer.add(text, "attack", "EMBEDDED_INSTRUCTION", "en", "explicit", role, f"embedded_{name}")

        def clean():
            insert = bank.expand("{harmless_insert}") if rng.random() < 0.6 else ""
            return writer.add(carrier(bank, insert), "benign", "tool_output", "en", "benign", role, f"clean_{name}")

        writer.fill(int(170 * share), attack)
        writer.fill(int(210 * share), clean)


def obfuscated(writer, share):
    """Attacks that were hidden, and honest texts hidden in the same ways."""
    rng = writer.bank.rng
    plain = [r for r in writer.rows if len(r["text"]) < 320 and r["tier"] != "semantic" and r["role"] == "user"
             and r["source"] not in ("gcg_suffix", "encoded_honest", "tech_noise", "code_snippets")]
    attacks = [r for r in plain if r["label"] == "attack" and r["lang"] == "en"]
    honest = [r for r in plain if r["label"] == "benign" and r["lang"] == "en"
              and r["family"] in ("everyday", "hard_negative", "over_refusal", "creative", "language")]
    for name, hide in OBFUSCATIONS.items():
        for label, pool, wanted in (("attack", attacks, 130), ("benign", honest, 70)):
            def make(label=label, pool=pool):
                row = rng.choice(pool)
                text = hide(rng, row["text"], label == "attack")
                family = "OBFUSCATED" if label == "attack" else "encoded"
                tier = "explicit" if label == "attack" else "benign"
                return writer.add(text, label, family, "en", tier, "user", f"obf_{name}_{label}")

            writer.fill(int(wanted * share), make)


def main():
    """Generates and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=20251122)
    parser.add_argument("--share", type=float, default=1.0, help="part of the wanted numbers")
    args = parser.parse_args()
    bank = Bank(random.Random(args.seed), DATA / "banks.txt", SLOTS)
    writer = Writer(bank)
    sections(writer, "attacks.txt", "attack", args.share)
    sections(writer, "benign.txt", "benign", args.share)
    languages(writer, args.share)
    embedded(writer, args.share)
    obfuscated(writer, args.share)
    args.out.mkdir(parents=True, exist_ok=True)
    counts = {"attack": 0, "benign": 0}
    with (args.out / "injection.jsonl").open("w", encoding="utf-8") as file:
        for number, row in enumerate(writer.rows):
            row["id"] = f"gen-{number:05}"
            counts[row["label"]] += 1
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(counts, len({r["source"] for r in writer.rows}), "sources", len({r["lang"] for r in writer.rows}), "languages")


if __name__ == "__main__":
    main()
