"""One task per command. The data of a command are the task's keyword arguments; the task's id is the command's id."""

import os
import signal
from typing import Any

from celery import Task
from celery.exceptions import Reject

from models import names
from tasks.app import app
from tasks.receiving import CommandDied, receive, receive_gathered, receive_one, rescue


class CommandTask(Task):
    """Takes any keyword, `self` included, which is for the command's contract to judge. Ends with an outcome or a dead
    letter."""

    def __call__(self, /, *args: Any, **data: Any) -> Any:
        try:
            return self.run(*args, **data)
        except (Reject, CommandDied):
            raise
        except MemoryError:
            # Nothing can be relied on without memory, least of all telling the main process. A dead child's message
            # comes back, and its commands are counted, each alone, in a new child.
            os.kill(os.getpid(), signal.SIGKILL)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must be kept
            return rescue(self.request, args, data, error)


@app.task(name=names.JOB_GROUP_CREATE, base=CommandTask, bind=True, typing=False)
def create_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_CREATE, args, data)


@app.task(name=names.JOB_GROUP_UPDATE, base=CommandTask, bind=True, typing=False)
def update_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_UPDATE, args, data)


@app.task(name=names.JOB_GROUP_PATCH, base=CommandTask, bind=True, typing=False)
def patch_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_PATCH, args, data)


@app.task(name=names.JOB_GROUP_DELETE, base=CommandTask, bind=True, typing=False)
def delete_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_DELETE, args, data)


@app.task(name=names.JOB_GROUP_START, base=CommandTask, bind=True, typing=False)
def start_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_START, args, data)


@app.task(name=names.JOB_GROUP_PAUSE, base=CommandTask, bind=True, typing=False)
def pause_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_PAUSE, args, data)


@app.task(name=names.JOB_GROUP_RESUME, base=CommandTask, bind=True, typing=False)
def resume_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_RESUME, args, data)


@app.task(name=names.JOB_GROUP_CANCEL, base=CommandTask, bind=True, typing=False)
def cancel_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_CANCEL, args, data)


@app.task(name=names.JOB_GROUP_RETRY, base=CommandTask, bind=True, typing=False)
def retry_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_RETRY, args, data)


@app.task(name=names.JOB_GROUP_SEAL, base=CommandTask, bind=True, typing=False)
def seal_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_SEAL, args, data)


@app.task(name=names.JOB_ADD, base=CommandTask, bind=True, typing=False)
def add_jobs(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_ADD, args, data)


@app.task(name=names.JOB_REPORT, base=CommandTask, bind=True, typing=False)
def report_jobs(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_REPORT, args, data)


@app.task(name=names.JOB_REVIEW, base=CommandTask, bind=True, typing=False)
def review_job(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_REVIEW, args, data)


@app.task(name=names.HANDLE_BATCH, base=CommandTask, bind=True, typing=False, ignore_result=True)
def handle_batch(self: Task, /, *args: Any, commands: Any = None, **unknown: Any) -> None:
    receive(self.request, {"args": args, **unknown} if args or unknown else commands)


@app.task(name=names.HANDLE_GATHERED, base=CommandTask, bind=True, typing=False, ignore_result=True)
def handle_gathered(self: Task, /, *, commands: list[Any], askers: list[str]) -> None:
    receive_gathered(self.request, commands, askers)
