"""How much memory processes hold while commands go through them, sample by sample."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import matplotlib as mpl
import psutil
from matplotlib import pyplot

SAMPLE_SECONDS = 0.2
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Curve:
    """Of each process, or group of them, the resident set in MiB at each count of commands handled."""

    counts: list[int] = field(default_factory=list)
    resident_mebibytes: dict[str, list[float]] = field(default_factory=dict)

    def between(self, name: str, first: float, last: float) -> float:
        """Return the median of `name` from one count of commands to another."""
        pairs = zip(self.counts, self.resident_mebibytes[name], strict=True)
        return median(resident for count, resident in pairs if first <= count <= last)

    def draw(self, path: Path) -> None:
        """Write the curves as a PNG."""
        with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
            figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
            for name, resident in self.resident_mebibytes.items():
                axes.plot(self.counts, resident, label=name)
            axes.set(xlabel="commands handled", ylabel="resident set, MiB", ylim=(0, None), xlim=(0, None))
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.grid(axis="y", alpha=0.3)
            figure.legend(loc="outside upper center", ncols=len(self.resident_mebibytes), frameon=False)
            figure.savefig(path, dpi=120)
            pyplot.close(figure)


@contextmanager
def sampled(processes: Mapping[str, list[psutil.Process]], handled: Callable[[], int]) -> Iterator[Curve]:
    """Give a curve that grows, five times a second, until the end of the block."""
    curve, ended = Curve(), threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            curve.counts.append(handled())
            for name, group in processes.items():
                resident = sum(process.memory_info().rss for process in group) / MEBIBYTE
                curve.resident_mebibytes.setdefault(name, []).append(resident)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield curve
    finally:
        ended.set()
        sampler.join()
