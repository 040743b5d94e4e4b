"""What a process says on standard error, and the libraries in it: one JSON object per line, or lines for the eye where
standard error is a terminal."""

import json
import logging
import sys
import threading
from types import TracebackType

import orjson
import structlog
from structlog.types import EventDict, Processor

_log = structlog.get_logger()


def configure_logging(level: str) -> None:
    """Send every log of `level` and above, every warning, and what ends a process or a thread, to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _name_task,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_for_the_eye() if sys.stderr.isatty() else _for_machines()),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At DEBUG it writes down whole messages, with the secrets in them.
    logging.getLogger("celery.pool").setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _on_uncaught
    threading.excepthook = lambda hook: _on_uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)


def _name_task(_: object, __: str, line: EventDict) -> EventDict:
    """Celery's own lines say which task they are about, in a field that they bring along."""
    match getattr(line["_record"], "data", None):
        case {"id": str(task_id)}:
            line["task_id"] = task_id
    return line


def _for_machines() -> list[Processor]:
    return [structlog.processors.format_exc_info, _json]


def _json(_: object, __: str, line: EventDict) -> str:
    """A line may name a thousand ids, which orjson writes in a thirtieth of the time. It refuses what is no UTF-8."""
    try:
        return orjson.dumps(line, default=repr).decode()
    except TypeError:
        return json.dumps(line, default=repr)


def _for_the_eye() -> list[Processor]:
    # The traceback that it would paint by itself shows the values of variables, and so secrets.
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _on_uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    _log.critical("uncaught", exc_info=(kind, error, traceback))
