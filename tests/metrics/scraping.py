"""Metrics as Prometheus reads them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.commands import eventually


@dataclass(frozen=True)
class Scrape:
    """What one endpoint told at one time."""

    families: dict[str, Metric]

    @classmethod
    def of(cls, url: str) -> Self:
        response = httpx.get(url, timeout=20, trust_env=False).raise_for_status()
        return cls.read(text_string_to_metric_families(response.text))

    @classmethod
    def read(cls, families: Iterable[Metric]) -> Self:
        return cls({family.name: family for family in families})

    @property
    def series(self) -> set[str]:
        """Every name that a query may use, those of families without a sample so far included."""
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        return {
            family.name + suffix for family in self.families.values() for suffix in suffixes.get(family.type, ("",))
        }

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of this name with these labels, 0 where there is none."""
        return sum(
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and sample.labels.items() >= labels.items()
        )


class Rise:
    """By how much counters have risen since it was made."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = Scrape.of(url)

    def of(self, name: str, **labels: str) -> float:
        """Return the difference, as of now."""
        return Scrape.of(self._url).value(name, **labels) - self._before.value(name, **labels)

    def becomes(self, amount: float, name: str, **labels: str) -> bool:
        """Wait until it is `amount`; what is counted is told a moment after it happened."""
        return eventually(lambda: self.of(name, **labels) == amount)


def eventually_value(url: str, is_wanted: Callable[[float], bool], name: str, **labels: str) -> bool:
    """Wait until the value is one that is wanted."""
    return eventually(lambda: is_wanted(Scrape.of(url).value(name, **labels)))
