"""One task per command. The data of a command are the task's keyword arguments; the task's id is the command's id."""

from typing import Any

from celery import Task

from models import names
from tasks.app import app
from tasks.receiving import receive, receive_one


@app.task(name=names.JOB_GROUP_CREATE, bind=True, typing=False)
def create_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_CREATE, args, data)


@app.task(name=names.JOB_GROUP_UPDATE, bind=True, typing=False)
def update_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_UPDATE, args, data)


@app.task(name=names.JOB_GROUP_PATCH, bind=True, typing=False)
def patch_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_PATCH, args, data)


@app.task(name=names.JOB_GROUP_DELETE, bind=True, typing=False)
def delete_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_DELETE, args, data)


@app.task(name=names.JOB_GROUP_START, bind=True, typing=False)
def start_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_START, args, data)


@app.task(name=names.JOB_GROUP_PAUSE, bind=True, typing=False)
def pause_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_PAUSE, args, data)


@app.task(name=names.JOB_GROUP_RESUME, bind=True, typing=False)
def resume_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_RESUME, args, data)


@app.task(name=names.JOB_GROUP_CANCEL, bind=True, typing=False)
def cancel_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_CANCEL, args, data)


@app.task(name=names.JOB_GROUP_RETRY, bind=True, typing=False)
def retry_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_RETRY, args, data)


@app.task(name=names.JOB_GROUP_SEAL, bind=True, typing=False)
def seal_job_group(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_GROUP_SEAL, args, data)


@app.task(name=names.JOB_ADD, bind=True, typing=False)
def add_jobs(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_ADD, args, data)


@app.task(name=names.JOB_REPORT, bind=True, typing=False)
def report_jobs(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_REPORT, args, data)


@app.task(name=names.JOB_REVIEW, bind=True, typing=False)
def review_job(self: Task, /, *args: Any, **data: Any) -> dict[str, Any]:
    return receive_one(self.request, names.JOB_REVIEW, args, data)


@app.task(name=names.HANDLE_BATCH, typing=False, ignore_result=True)
def handle_batch(*args: Any, commands: Any = None, **unknown: Any) -> None:
    receive({"args": args, **unknown} if args or unknown else commands)
