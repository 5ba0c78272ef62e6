"""Lets the tests of the recipes import them as scripts do: `training/` is a folder of scripts, not a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
