"""Tasks of EleutherAI's lm-eval over a generator on this machine, for the probe of forgetting.

In: names of its own tasks, or paths of task files; generators. Out: what each question scored. Writes, into a folder of the probe, the
cache of data sets that a task file names; lm-eval's own tasks fetch theirs from the hub into its cache, since the user named them.

A task file is read by a YAML reader that knows no `!function`, it may include no other file, and its metrics must be lm-eval's own, because
it would fetch any other one from the hub as code. Its Jinja templates are rendered by lm-eval, outside of a sandbox: name only files
whose authors you trust.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import io
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragraft.errors import DataError
from ragraft.models.local import LocalGenerator, answer_frame
from ragraft.types import CaseValue

KEY = "probes.lm_eval"
INSTALL = "pip install 'ragraft[lm-eval]'"
BATCH = 8
_FILES = (".yaml", ".yml")
_CODE = ("include", "class", "custom_dataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """What one entry of the config stands for: one task, or those of a group. `leaves`: lm-eval's own objects, by name."""

    name: str
    leaves: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What each question scored, by the first metric of its task that is a mean over questions; no case where there is none."""

    metric: str
    higher_is_better: bool
    cases: tuple[CaseValue, ...]

    @property
    def share(self) -> bool:
        return all(0 <= c.value <= 1 for c in self.cases)


def label(name: str) -> str:
    """How a figure and a sentence call a task."""
    return Path(name).stem if name.endswith(_FILES) else name


def inputs(names: Sequence[str], folder: Path) -> list[str]:
    """What the results depend on besides the models: the names, and the content of task files and their data. Raises `DataError`."""
    _installed(names)
    found: list[str] = []
    for name in names:
        found.append(name)
        if name.endswith(_FILES):
            config = _read(folder / name)
            paths = [folder / name, *(Path(p) for p in _data_files(config) if Path(p).is_file())]
            found += [hashlib.sha256(p.read_bytes()).hexdigest() for p in paths]
    return found


def load(names: Sequence[str], folder: Path, cache: Path) -> tuple[Tasks, ...]:
    """The named tasks with their data. Raises `DataError` where lm-eval is not installed, a task is not known, or its data is not to be
    had."""
    _installed(names)
    own = {n: _read(folder / n) for n in names if n.endswith(_FILES)}
    with _quiet():
        from lm_eval.tasks import TaskManager

        # Its own fourteen thousand tasks are looked through only where one of them is named: that takes seconds.
        manager: Any = TaskManager(include_defaults=len(own) < len(names))
        return tuple(load_one(manager, n, own.get(n), cache) for n in names)


def score(tasks: Tasks, generator: LocalGenerator, *, questions: int, seed: int) -> Scored:
    """The first `questions` of each task, put as chat, as the generator is used. Raises `DataError` where a task cannot be run."""
    with _quiet():
        from lm_eval.evaluator import evaluate
        from lm_eval.models.huggingface import HFLM

        lead, _ = answer_frame(generator.tokenizer)

        class Chat(HFLM):
            """lm-eval leaves out the space with which some chat templates open an answer."""

            def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
                for request in requests:
                    context, continuation = request.args
                    request.arguments = (context, lead + continuation if context else continuation)
                inherited: Any = super().loglikelihood
                return inherited(requests, disable_tqdm=disable_tqdm)

        wrapper: Any = Chat
        lm = wrapper(
            pretrained=generator.model,
            tokenizer=generator.tokenizer,
            max_length=generator.context_tokens,
            batch_size=BATCH,
            truncation=True,
            enable_thinking=False,
        )
        for task in tasks.leaves.values():
            task.set_fewshot_seed(seed=seed)
        try:
            found: Any = evaluate(
                lm=lm,
                task_dict={"tasks": dict(tasks.leaves)},
                limit=questions,
                bootstrap_iters=0,
                apply_chat_template=True,
                fewshot_as_multiturn=True,
            )
        except (ValueError, KeyError, TypeError, IndexError, RuntimeError, NotImplementedError) as error:
            raise DataError(f"{KEY}: {tasks.name} cannot be run ({_line(error)}); leave it out") from error
    return _scored(found, list(tasks.leaves))


def _scored(found: Any, leaves: Sequence[str]) -> Scored:
    cases: list[CaseValue] = []
    metrics: dict[str, bool] = {}
    for leaf in leaves:
        metric = _metric(found["results"][leaf], found["samples"][leaf])
        if metric:
            first = found["samples"][leaf][0]["filter"]
            metrics[metric] = found["higher_is_better"][leaf].get(metric) is not False
            for sample in (s for s in found["samples"][leaf] if s["filter"] == first):
                name = f"{leaf}:{sample['doc_id']}"
                cases.append(CaseValue(case=name, group=name, value=float(sample[metric])))
    return Scored(metric=", ".join(metrics), higher_is_better=all(metrics.values()), cases=tuple(cases))


def _metric(result: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> str:
    """The first metric whose figure is the mean of what each question scored (perplexity and F1 over all of them are not)."""
    first = samples[0]["filter"] if samples else ""
    mine = [s for s in samples if s["filter"] == first]
    for metric in mine[0]["metrics"] if mine else ():
        values, figure = [s[metric] for s in mine], result.get(f"{metric},{first}")
        plain = all(isinstance(v, int | float) for v in (*values, figure))
        if plain and math.isclose(sum(values) / len(values), float(figure or 0.0), abs_tol=1e-6):
            return metric
    return ""


def _installed(names: Sequence[str]) -> None:
    if names and importlib.util.find_spec("lm_eval") is None:
        raise DataError(f"{KEY} names {', '.join(names)}, and lm-eval is not installed: {INSTALL}")


def load_one(manager: Any, name: str, config: dict[str, Any] | None, cache: Path) -> Tasks:
    """One entry, by lm-eval's `TaskManager`; `config`: what stands in its file, where it names one."""
    import httpx
    from datasets.exceptions import DatasetsError

    if config is None and name not in manager.all_tasks:
        near = difflib.get_close_matches(name, manager.all_tasks, n=1)
        hint = f"did you mean {near[0]}?" if near else "`lm-eval ls tasks` lists them"
        raise DataError(
            f"{KEY}: lm-eval has no task {name!r}; {hint} A task of your own is named by its file, ending in .yaml"
        )
    try:
        if config is not None:
            options = {**config.get("dataset_kwargs", {}), "cache_dir": str(cache)}
            config = {**config, "dataset_kwargs": options}
        leaves = manager.load([name if config is None else config])["tasks"]
    except (OSError, DatasetsError, httpx.HTTPError) as error:
        remedy = (
            "check its data_files"
            if config
            else "it comes from the Hugging Face hub: check the network, or name a task file with local data"
        )
        raise DataError(f"{KEY}: the data of {name} is not to be had ({_line(error)}); {remedy}") from error
    except (ImportError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(
            f"{KEY}: {name} is no task that lm-eval can load ({_line(error)}); correct it, or leave it out"
        ) from error
    return Tasks(name=label(name), leaves=leaves)


def _read(path: Path) -> dict[str, Any]:
    """A task file, its data files by their full paths: given relative to the file itself. Raises `DataError`."""
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{KEY}: {path} cannot be read ({error.strerror}); correct the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(
            f"{KEY}: {path} is not a plain YAML file ({_line(error)}); functions in it are not run"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("task"), str):
        raise DataError(
            f"{KEY}: {path} is no task of lm-eval: it needs `task: NAME`, and a group is named by its own tasks"
        )
    if code := next((key for key in _CODE if key in config), None):
        raise DataError(
            f"{KEY}: {path} has the key `{code}`, which is not followed; write the task out in this file, without code"
        )
    _check_metrics(config, path)
    options = config.get("dataset_kwargs")
    if isinstance(options, dict) and "data_files" in options:
        config["dataset_kwargs"] = {**options, "data_files": _resolved(options["data_files"], path.parent)}
    return config


def _check_metrics(config: Mapping[str, Any], path: Path) -> None:
    importlib.import_module("lm_eval.api.metrics")  # fills the registry
    from lm_eval.api.registry import metric_registry

    known: Any = metric_registry
    for listed in config.get("metric_list") or ():
        name = listed.get("metric") if isinstance(listed, dict) else listed
        if not isinstance(listed, dict) or listed.get("hf_evaluate") or name not in known:
            raise DataError(
                f"{KEY}: {path}: {name!r} is no metric of lm-eval itself; use one of its own, such as acc or exact_match"
            )


def _resolved(files: Any, folder: Path) -> Any:
    if isinstance(files, str):
        return files if "://" in files else str(folder / files)
    if isinstance(files, dict):
        return {split: _resolved(each, folder) for split, each in files.items()}
    return [_resolved(each, folder) for each in files]


def _data_files(config: Mapping[str, Any]) -> list[str]:
    files = (config.get("dataset_kwargs") or {}).get("data_files", ())
    flat = files.values() if isinstance(files, dict) else [files]
    return [p for each in flat for p in ([each] if isinstance(each, str) else each)]


def _line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Progress bars and warnings of lm-eval and what it loads do not reach the user's terminal."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield
