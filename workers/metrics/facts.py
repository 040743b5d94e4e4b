"""What is not counted as it happens but asked of a server whenever somebody wants to know: how much waits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Source = TypeVar("Source")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Fact(Generic[Source]):
    """A gauge, and how its value is asked: a number, or one for each value of `label`."""

    name: str
    help: str
    ask: Callable[[Source], float | Mapping[str, float]]
    label: str = ""

    def family(self) -> GaugeMetricFamily:
        """Return it without a value."""
        return GaugeMetricFamily(self.name, self.help, labels=[self.label] if self.label else [])

    def answer(self, source: Source) -> GaugeMetricFamily:
        """Return it with what `source` says."""
        family, told = self.family(), self.ask(source)
        for value, amount in told.items() if isinstance(told, Mapping) else (("", told),):
            family.add_metric([value] if self.label else [], amount)
        return family


class Facts(Collector, Generic[Source]):
    """Facts of one server, and whether it answers. One that does not is no reason to tell nothing of the rest."""

    def __init__(
        self,
        server: str,
        reach: Callable[[], AbstractContextManager[Source]],
        facts: Sequence[Fact[Source]],
        errors: tuple[type[Exception], ...],
    ) -> None:
        self._server, self._reach, self._facts, self._errors = server, reach, facts, errors
        self._asking = Lock()

    def describe(self) -> Iterable[Metric]:
        """Return them without values, so that a server that is away keeps no process from starting."""
        return [self._up(), *(fact.family() for fact in self._facts)]

    def collect(self) -> Iterable[Metric]:
        """Ask for all of them: one asker at a time, however many want to know."""
        with self._asking:
            try:
                with self._reach() as source:
                    answers = [fact.answer(source) for fact in self._facts]
            except self._errors as error:
                log.warning("facts_not_asked", server=self._server, error=repr(error))
                return [self._up(0)]
        return [self._up(1), *answers]

    def _up(self, value: int | None = None) -> GaugeMetricFamily:
        name = f"jobgroups_{self._server}_up"
        return GaugeMetricFamily(name, f"1 where the {self._server} answers this process, else 0.", value=value)
