"""`jobgroups engine`."""

from typing import Annotated

import typer

from settings import Settings
from workers.engine import engine as process
from workers.engine.engine_settings import EngineSettings
from workers.engine.simulated import SimulatedReader


def engine(
    simulate: Annotated[bool, typer.Option("--simulate", help="Make results up; open no document.")] = False,
    failure_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of attempts that fail.")] = 0.1,
    low_confidence_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of doubtful results.")] = 0.1,
    latency: Annotated[float, typer.Option(min=0, max=600, help="Mean seconds for one document.")] = 0.2,
    seed: Annotated[int, typer.Option(help="The same seed makes the same results up.")] = 0,
) -> None:
    """Read the documents of dispatched jobs and report on them: an engine to try the service with.

    Without --simulate it really reads PDFs and images, which takes the extra: pip install
    'ocr-invoice-job-groups[ocr]'. JOBGROUPS_ENGINE_DOCUMENTS_ROOT says below which folder `file:` documents may lie,
    JOBGROUPS_ENGINE_ALLOWED_HOSTS from where else they may come.

        jobgroups engine --simulate --failure-rate 0.2
    """
    limits = EngineSettings()
    if simulate:
        reader = SimulatedReader(
            seed=seed,
            failure_rate=failure_rate,
            low_confidence_rate=low_confidence_rate,
            mean_latency_seconds=latency,
        )
        process.run(Settings(), reader, concurrency=limits.concurrency)
    else:
        # Only here: the OCR library is an extra, and takes seconds to import.
        from workers.engine.ocr import OcrReader

        process.run(Settings(), OcrReader(limits), concurrency=limits.concurrency)
