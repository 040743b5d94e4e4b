"""`/console/flow`: how much comes in, goes out and waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from api_stub.console.charts import ceiling, curve
from api_stub.console.flow_record import GAP_SECONDS, SPAN_SECONDS, FlowRecord, Sample
from api_stub.console.pages import page
from api_stub.console.visitors import Visiting
from api_stub.console.wording import mark

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the charts. `name` is that of the value in a sample; its scale reaches to `least_top` at least, so that
    little does not look like much."""

    name: str
    title: str
    unit: str
    meaning: str
    least_top: float = 10.0


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as it is drawn: its value now and the highest of the span, None where none was measured."""

    figure: Figure
    now: float | None
    most: float | None
    top: float
    course: Markup

    @property
    def marks(self) -> list[str]:
        """What stands beside the scale, from the top."""
        return [mark(self.top), mark(self.top / 2), mark(0)]

    @property
    def unit(self) -> str:
        """The unit, of one or of many."""
        return self.figure.unit.removesuffix("s") if self.now == 1 else self.figure.unit


FIGURES = (
    Figure("commands_per_second", "Commands", "per second", "Handled by workers, whatever their outcome."),
    Figure("events_per_second", "Events", "per second", "Published, and confirmed by the broker."),
    Figure("backlog_count", "Backlog", "events", "Written and not yet published."),
    Figure("waiting_count", "Queue", "messages", "Not taken by a worker yet; one may hold many commands."),
    Figure("lag_seconds", "Lag", "seconds", "Since the oldest event in the backlog was written.", least_top=1.0),
)


@router.get("/flow")
async def show_flow(request: Request, visitor: Visiting) -> Response:
    """Show the figures of the last minutes."""
    record: FlowRecord = request.app.state.flow
    samples = await record.look()
    charts = [_chart(figure, samples) for figure in FIGURES]
    return page(request, "flow.html", visitor=visitor, charts=charts, span_minutes=round(SPAN_SECONDS / 60))


def _chart(figure: Figure, samples: Sequence[Sample]) -> Chart:
    points = samples[-1].course(figure.name, samples)
    most = max((value for _, value in points), default=None)
    top = ceiling(most or 0.0, figure.least_top)
    course = curve(points, top, SPAN_SECONDS, GAP_SECONDS)
    return Chart(figure, getattr(samples[-1], figure.name), most, top, course)
