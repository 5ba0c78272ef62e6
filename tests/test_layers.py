"""The architecture as a test: imports point downward, and opening the package loads nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch",
    "transformers",
    "lancedb",
    "kreuzberg",
    "sklearn",
    "scipy",
    "altair",
    "pandas",
    "openai",
    "httpx",
    "sqlalchemy",
    "fsspec",
    "feedparser",
    "PIL",
)


def loaded_by(code: str) -> set[str]:
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(m for m in sys.modules if '.' not in m)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("code", ["import ragraft", "import ragraft.cli", "import ragraft.pipeline"])
def test_opening_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & set(HEAVY) == set()


def test_imports_point_downward() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
