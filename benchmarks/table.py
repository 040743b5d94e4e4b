"""What one comparison measured."""

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Table:
    """The figures of all contestants in one comparison, one figure for each round."""

    topic: str
    """The topic that measured it; also its heading on the page."""
    title: str
    unit: str
    """Of every figure: `commands/s`, `ms`."""
    ours: str | None
    """The contestant that the others are compared with; None where the figures are parts of a whole."""
    figures: dict[str, list[float]]
    less_is_better: bool = False
    required: dict[str, float] = field(default_factory=dict)
    """How many times better than a contestant ours must be, where something is required."""
    said: str = ""
    """How it was measured: sizes, processes, settings. Markdown."""
    plot: str | None = None
    """The file name of a picture beside the page, where a curve says more."""
    cores_count: int | None = None
    """Of the machine that it was measured on; noted when the table is kept."""

    def keep(self) -> None:
        """Write this table's file, over that of an earlier run."""
        RESULTS.mkdir(exist_ok=True)
        kept = asdict(replace(self, cores_count=os.cpu_count()))
        path = RESULTS / f"{_slug(self.topic)}-{_slug(self.title)}.json"
        path.write_text(json.dumps(kept, indent=1) + "\n")

    def times_better(self, than: str) -> float:
        """Return how many times better ours is than another contestant, median against median."""
        if self.ours is None:
            raise ValueError("nothing is compared here")
        ours, other = median(self.figures[self.ours]), median(self.figures[than])
        return other / ours if self.less_is_better else ours / other


def kept_tables() -> list[Table]:
    """Return what was measured so far."""
    return [Table(**json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
