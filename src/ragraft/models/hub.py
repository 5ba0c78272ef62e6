"""`NAME_OR_PATH` of a Hugging Face model -> a local folder with safetensors weights, and a fingerprint of what is in it.

In: a folder, or a hub name. Out: a folder. Writes only the hub's own cache, and only when a name is not in it yet.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator
from pathlib import Path

from ragraft.errors import ModelError
from ragraft.models.packaged import file_sha256

_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
"""No pickled weights and no code are ever fetched."""


def model_folder(name: str) -> Path:
    """The folder of a model named by path or hub name. Raises `ModelError` when it is not there or has no safetensors."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
            raise ModelError(f"hf:{name}: no such folder; check the path, or give a hub name such as hf:OWNER/MODEL")
        folder = _from_hub(name)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(f"hf:{name}: no *.safetensors weights in it; only safetensors are loaded, convert the model")
    return folder


def _from_hub(name: str) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    with contextlib.suppress(
        LocalEntryNotFoundError, HFValidationError
    ):  # not in the cache: the hub is asked, and says why not
        cached = Path(snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
        if any(cached.glob("*.safetensors")):
            return cached
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        raise ModelError(
            f"hf:{name}: not in the local cache and not to be had from the hub ({type(error).__name__}); "
            "check the name and the network, or give a folder: hf:/path/to/model"
        ) from error


def folder_fingerprint(*folders: Path) -> str:
    """Sixteen hex digits over the weights and every file beside them that changes what they compute."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".safetensors", ".json", ".jinja", ".model"} and path.is_file():
                digest.update(f"{path.relative_to(folder)}={file_sha256(path)}\n".encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def quiet_loading() -> Generator[None]:
    """No progress bars and load reports from transformers on a user's terminal; its settings are put back after.
    A damaged weights file is an `OSError`, as one that cannot be read is."""
    from safetensors import SafetensorError
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"its weights are damaged: {error}") from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
