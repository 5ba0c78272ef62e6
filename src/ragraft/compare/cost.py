"""What an arm costs, from measured seconds and tokens and the config's prices. Pure functions; nothing is written."""

from __future__ import annotations

from ragraft.config import ModelsSection, PricesSection
from ragraft.types import Cost

_HOUR = 3600.0
_MILLION = 1e6


def cost(
    *,
    build_seconds: float,
    seconds: float | None,
    prompt_tokens: float,
    completion_tokens: float,
    prices: PricesSection,
    models: ModelsSection,
    gpu: bool,
) -> Cost:
    """Cost in the config's currency.

    `build_seconds`: indexing and tuning, priced by the machine-hour. `seconds`: mean of one request (None: unmeasured, and the
    machine's part of a query is left out). Tokens are means per request, priced by the million where the generator is
    remote (prices of 0 otherwise).
    """
    hour = prices.gpu_hour if gpu else prices.cpu_hour
    tokens = (prompt_tokens * models.price_in + completion_tokens * models.price_out) / _MILLION
    return Cost(build=build_seconds / _HOUR * hour, per_1000=1000 * ((seconds or 0.0) / _HOUR * hour + tokens))
