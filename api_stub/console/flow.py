"""`/console/flow`: how much comes in, goes out and waits."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api_stub.console.flow_record import SPAN_SECONDS, FlowRecord
from api_stub.console.pages import page
from api_stub.console.visitors import Visiting

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the charts. `name` is that of the value in a sample."""

    name: str
    title: str
    unit: str
    meaning: str


FIGURES = (
    Figure("commands_per_second", "Commands", "per second", "handled by workers, whatever their outcome"),
    Figure("events_per_second", "Events", "per second", "published, and confirmed by the broker"),
    Figure("backlog_count", "Backlog", "events", "written and not yet published"),
    Figure("waiting_count", "Queue", "messages", "that workers have not taken; one may hold many commands"),
    Figure("lag_seconds", "Lag", "seconds", "since the oldest event in the backlog was written"),
)


@router.get("/flow")
async def show_flow(request: Request, visitor: Visiting) -> Response:
    """Show the figures of the last minutes."""
    record: FlowRecord = request.app.state.flow
    samples = await record.look()
    return page(request, "flow.html", visitor=visitor, figures=FIGURES, samples=samples, span_seconds=SPAN_SECONDS)
