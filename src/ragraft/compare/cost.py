"""What an arm costs, from measured seconds, tokens and update work and the config's prices. Pure functions; nothing is written.

Per arm, with p for prices, s for machine seconds, h the price of an hour of the machine that was measured on (CPU or GPU):

    build           = s_build · h / 3600 + labelled examples · p_label
    per_1000        = 1000 · (s_question · h / 3600 + (tokens_in · p_in + tokens_out · p_out) / 1e6)
    per_100_changes = 100 · (s_change · h / 3600 + stale examples per document · p_label + s_training · h / 3600 / changes per training)
    monthly         = build / months + GB · p_gb + questions · per_1000 / 1000 + changes · per_100_changes / 100

Machines are priced by the seconds that they work, not by the hours that they stand idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragraft.config import Config
from ragraft.models.load import is_remote
from ragraft.types import ArmSummary, Comparison, Cost, Evaluation, Hosted

_HOUR = 3600.0
_MILLION = 1e6
_GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """Per million tokens; None: unknown."""

    prompt: float | None
    completion: float | None


def token_prices(config: Config) -> TokenPrices:
    """Of a hosted generator, as `[prices]` or its table has them; 0 for a model on the own machine, whose seconds are paid."""
    spec, prices = config.models.generator, config.prices
    if not is_remote(spec):
        return TokenPrices(prompt=0.0, completion=0.0)
    listed = next((t for t in prices.tokens if spec == f"openai:{t.model}"), None)
    prompt = prices.tokens_in if prices.tokens_in is not None else listed and listed.tokens_in
    completion = prices.tokens_out if prices.tokens_out is not None else listed and listed.tokens_out
    return TokenPrices(prompt=prompt, completion=completion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one machine second, one prompt token and one completion token of an arm cost."""

    second: float
    prompt: float
    completion: float


def rates(s: ArmSummary, config: Config) -> Rates | None:
    """None where the arm uses tokens that have no price."""
    tokens = token_prices(config)
    if (s.prompt_tokens and tokens.prompt is None) or (s.completion_tokens and tokens.completion is None):
        return None
    return Rates(
        second=hour(config, gpu=s.work.gpu) / _HOUR,
        prompt=(tokens.prompt or 0.0) / _MILLION,
        completion=(tokens.completion or 0.0) / _MILLION,
    )


def _per_question(s: ArmSummary, config: Config) -> float | None:
    rate = rates(s, config)
    if rate is None or s.machine_seconds is None:
        return None
    return s.machine_seconds * rate.second + s.prompt_tokens * rate.prompt + s.completion_tokens * rate.completion


def hour(config: Config, *, gpu: bool) -> float:
    return config.prices.gpu_hour if gpu else config.prices.cpu_hour


def cost(s: ArmSummary, config: Config) -> Cost:
    """By the formulas above, from what the summary holds as measured."""
    work, prices, traffic = s.work, config.prices, config.traffic
    machine = hour(config, gpu=work.gpu) / _HOUR
    build = s.build_seconds * machine + work.labelled * prices.label_example
    one = _per_question(s, config)
    storage = None if work.stored_bytes is None else work.stored_bytes / _GB * prices.gb_month
    change = None
    if work.change_seconds is not None:
        again = work.retraining_seconds / traffic.changes_per_retraining
        change = (work.change_seconds + again) * machine + work.relabelled * prices.label_example
    monthly = None
    if one is not None and change is not None and storage is not None:
        running = traffic.questions_per_month * one + traffic.changes_per_month * change
        monthly = build / traffic.months + storage + running
    return Cost(
        build=build,
        per_1000=None if one is None else 1000 * one,
        per_100_changes=None if change is None else 100 * change,
        storage=storage,
        monthly=monthly,
    )


def costed(comparison: Comparison, config: Config) -> Comparison:
    """The same measurements by other prices or other traffic."""
    return replace(comparison, arms=tuple(replace(s, cost=cost(s, config)) for s in comparison.arms))


def hosted(comparison: Comparison, evaluations: Sequence[Evaluation], config: Config) -> tuple[Hosted, ...]:
    """Every hosted model of the table in the place of the own machine's generator, for `rag`, or else `base`: the arm's tokens at
    the model's prices, and what the machine works besides generating. Cheapest first; none where the generator is hosted already."""
    s = next((s for arm in ("rag", "base") for s in comparison.arms if s.arm == arm and s.completion_tokens), None)
    times = next((e.latency for e in evaluations if s and e.arm == s.arm), ())
    if (
        s is None
        or is_remote(config.models.generator)
        or s.cost.monthly is None
        or s.cost.per_1000 is None
        or not times
    ):
        return ()
    besides = sum(t.total - t.generate for t in times) / len(times) * hour(config, gpu=s.work.gpu) / _HOUR
    fixed = s.cost.monthly - config.traffic.questions_per_month * s.cost.per_1000 / 1000
    found = [
        (t.model, besides + (s.prompt_tokens * t.tokens_in + s.completion_tokens * t.tokens_out) / _MILLION)
        for t in config.prices.tokens
    ]
    return tuple(
        Hosted(model=model, arm=s.arm, per_1000=1000 * one, monthly=fixed + config.traffic.questions_per_month * one)
        for model, one in sorted(found, key=lambda f: f[1])
    )
