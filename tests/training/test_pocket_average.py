"""The mean of two models: between them by the share asked for, loadable, and refused for another shape."""

import shutil
from pathlib import Path

import pytest
from folders import WEIGHTS
from pocket_average import average, main
from safetensors.torch import load_file, save_file

from ragraft.models.packaged import pocket_folder


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    shutil.copytree(pocket_folder(), tmp_path / "moved")
    tensors = {n: t + 1 for n, t in load_file(pocket_folder() / WEIGHTS).items()}
    save_file(tensors, tmp_path / "moved" / WEIGHTS, metadata={"format": "pt"})
    return tmp_path / "moved"


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_mean_lies_between(moved: Path, tmp_path: Path, share: float) -> None:
    from transformers import AutoModelForCausalLM

    average(pocket_folder(), moved, share, tmp_path / "mean")
    before, mean = (load_file(folder / WEIGHTS) for folder in (pocket_folder(), tmp_path / "mean"))
    for name, tensor in before.items():
        assert (mean[name].float() - tensor.float() - share).abs().max() < 0.02
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "mean").config.hidden_size == 256


def test_another_shape_is_refused(moved: Path, tmp_path: Path) -> None:
    tensors = load_file(moved / WEIGHTS)
    tensors.pop(next(iter(tensors)))
    save_file(tensors, moved / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(SystemExit, match="not the shape of"):
        average(pocket_folder(), moved, 0.5, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--share", "7"), "--share 7.0: must be from 0 to 1"),
        (("--share", "0.5", "nowhere"), "nowhere: no config.json there; name a model directory, such as RUN/model"),
    ],
)
def test_bad_arguments_write_nothing(
    moved: Path,
    tmp_path: Path,
    given: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "mean"
    folders = [str(moved)] * (2 - len(given[2:]))
    monkeypatch.setattr("sys.argv", ["pocket_average.py", *given, *folders, "--out", str(out)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert says in f"{stopped.value}{capsys.readouterr().err}"
    assert not out.exists()
