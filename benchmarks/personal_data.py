"""Personal data told by its form: what `corpus/pii` finds of the labelled spans of presidio-pii, and how much else it takes for some.

    .venv/bin/python benchmarks/personal_data.py

Its rules were written from the published forms (see the module), not from these sentences.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from rich.console import Console
from rich.table import Table

from inputs import evaluation_set
from ragraft.corpus.pii import personal

FORMS = ("EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "US_SSN", "PHONE_NUMBER")


def bare(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.casefold())


def main() -> None:
    path = evaluation_set("presidio-pii") / "synth_dataset_v2.json"
    found, there = Counter[str](), Counter[str]()
    told = right = 0
    for sentence in json.loads(path.read_text(encoding="utf-8")):
        spans = [(s["entity_type"], bare(s["entity_value"])) for s in sentence["spans"]]
        hits = {bare(h) for h in personal(sentence["full_text"])}
        told += len(hits)
        right += sum(any(h in value or value in h for kind, value in spans if kind in FORMS) for h in hits)
        for kind, value in spans:
            there[kind] += 1
            found[kind] += any(h in value or value in h for h in hits)
    table = Table(title="personal data told by its form")
    for column in ("kind", "found", "n"):
        table.add_column(column)
    for kind in FORMS:
        table.add_row(kind, f"{found[kind] / there[kind]:.3f}", str(there[kind]))
    table.add_row("findings that are one of these", f"{right / told:.3f}", str(told))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
