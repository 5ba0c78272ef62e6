"""Names in the config become models, or one clear error."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run

import pytest

from ragraft.config import ModelsSection
from ragraft.errors import ModelError
from ragraft.models import load, packaged

CONFIG = ModelsSection()


@pytest.mark.parametrize("spec", ["", "pocke", "hf:", "gpt-4", "minilm"])
def test_an_unknown_generator_names_the_valid_forms(spec: str) -> None:
    with pytest.raises(ModelError, match=r"pocket, hf:NAME_OR_PATH, openai:MODEL or http://"):
        load.generator(spec, CONFIG)


@pytest.mark.parametrize("spec", ["", "pocket", "hf:", "all-MiniLM-L6-v2"])
def test_an_unknown_embedder_names_the_valid_forms(spec: str) -> None:
    with pytest.raises(ModelError, match=r"minilm, hf:NAME_OR_PATH, openai:MODEL or http://"):
        load.embedder(spec, CONFIG)


@pytest.mark.parametrize("name", ["/no/such/folder", "./missing", "~/missing-model"])
def test_a_folder_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ModelError, match=f"hf:{name}: no such folder"):
        load.generator(f"hf:{name}", CONFIG)
    with pytest.raises(ModelError, match=f"hf:{name}: no such folder"):
        load.embedder(f"hf:{name}", CONFIG)


def test_a_hub_name_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"hf:nobody/nothing: not in the local cache .* hf:/path/to/model"):
        load.generator("hf:nobody/nothing", CONFIG)
    with pytest.raises(ModelError, match=r"hf:not a name!: not in the local cache"):
        load.generator("hf:not a name!", CONFIG)


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="only safetensors are loaded"):
        load.generator(f"hf:{tmp_path}", CONFIG)
    with pytest.raises(ModelError, match="only safetensors are loaded"):
        load.embedder(f"hf:{tmp_path}", CONFIG)


def test_a_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(ModelError, match="not a causal language model"):
        load.generator(f"hf:{tmp_path}", CONFIG)
    with pytest.raises(ModelError, match="not a sentence-transformers model"):
        load.embedder(f"hf:{tmp_path}", CONFIG)


def test_a_remote_model_takes_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="an adapter needs a local model"):
        load.generator("http://127.0.0.1:9/v1#m", CONFIG, adapter=tmp_path)


def test_packaged_weights_are_the_published_ones() -> None:
    assert packaged.file_sha256(packaged.minilm_folder() / "model.safetensors") == packaged.MINILM_SHA256
    assert packaged.file_sha256(packaged.pocket_folder() / "model.safetensors") == packaged.POCKET_SHA256


def test_damaged_or_missing_weights_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="weights are missing; reinstall"):
        packaged.checked(tmp_path, packaged.POCKET_SHA256, remedy="reinstall")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"damaged .* reinstall"):
        packaged.checked(tmp_path, packaged.POCKET_SHA256, remedy="reinstall")


def test_importing_the_loaders_loads_no_torch() -> None:
    code = "import sys, ragraft.models.load; sys.exit(bool({'torch', 'transformers', 'openai'} & set(sys.modules)))"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
