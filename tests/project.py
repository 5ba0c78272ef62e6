"""A tiny project that is real in every stage: nine pages, thirty-six questions, the packaged models."""

import json
from pathlib import Path

PLANS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy")

CONFIG = """
[project]
name = "Tiny"
instruction = "Answer in a full sentence."

[documents]
readers = ["everyone"]

[examples]
train = 0.34
dev = 0.22
test = 0.44

[evaluation]
max_new_tokens = 16

[tuning]
epochs = 1

[probes]
run = []
"""


def page(plan: str, number: int) -> str:
    return (
        f"# The {plan} plan\n\n## Price\n\nThe {plan} plan costs €{10 + number} per month.\n\n"
        f"## Limits\n\nThe {plan} plan holds {100 + number} projects. The {plan} plan keeps logs for {20 + number} days.\n"
    )


def questions(plan: str, number: int) -> list[dict[str, object]]:
    document, group = f"{plan.lower()}.md", plan
    facts = [
        (
            f"What does the {plan} plan cost per month?",
            f"The {plan} plan costs €{10 + number} per month.",
            f"€{10 + number}",
        ),
        (f"How many projects fit in {plan}?", f"The {plan} plan holds {100 + number} projects.", str(100 + number)),
        (
            f"For how long does {plan} keep its logs?",
            f"The {plan} plan keeps logs for {20 + number} days.",
            f"{20 + number} days",
        ),
    ]
    known = [
        {"question": q, "answer": a, "must_include": [f], "documents": [document], "group": group} for q, a, f in facts
    ]
    unknown = {
        "question": f"Who designed the {plan} plan?",
        "answer": "The documents do not say.",
        "answerable": False,
        "group": group,
    }
    return [*known, unknown]


def make(folder: Path, config: str = CONFIG) -> Path:
    (folder / "documents").mkdir(parents=True)
    lines: list[str] = []
    for number, plan in enumerate(PLANS):
        (folder / "documents" / f"{plan.lower()}.md").write_text(page(plan, number))
        lines += [json.dumps(q) for q in questions(plan, number)]
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "ragraft.toml").write_text(config)
    return folder
