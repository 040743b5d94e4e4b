"""The Celery application of the workers."""

from typing import Any

from celery import Celery

from client.broker import HEARTBEAT_SECONDS, celery_settings, is_redis, transport_options
from models import names
from settings import Settings

RESULT_TTL_SECONDS = 3600
OUTCOME_SOCKET_TIMEOUT_SECONDS = 2
VISIBILITY_MARGIN_SECONDS = 10
"""How much longer than a task may take Redis waits for its acknowledgement."""
RESTORE_SECONDS = 5
"""How often a worker looks for messages whose acknowledgement is overdue."""

UNACKNOWLEDGED = f"{names.COMMAND_QUEUE}.unacknowledged"
UNACKNOWLEDGED_INDEX = f"{UNACKNOWLEDGED}.index"
"""On Redis, the messages that workers have taken, by when they did."""


def configure(celery: Celery, settings: Settings) -> None:
    """Give `celery` the settings under which no accepted command is lost."""
    broker_url = settings.require("broker_url")
    celery.conf.update(
        celery_settings(broker_url),
        broker_transport_options=_transport_options(broker_url, settings.task_time_limit_seconds),
        # The acknowledgement follows the commit; a lost child's message goes back to the queue.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure=True,
        task_acks_on_timeout=False,
        task_time_limit=settings.task_time_limit_seconds,
        # What a worker may have waiting, so that it can be carried out together (workers/gathering.py).
        worker_prefetch_multiplier=16,
        worker_concurrency=settings.worker_concurrency,
        worker_hijack_root_logger=False,
        worker_send_task_events=settings.task_events,
        # A message could otherwise end the worker, or make it drop commands unread (`shutdown`, `revoke`). And its
        # queue is exclusive: RabbitMQ refuses it to a worker whose lost connection it still believes in, which ends it.
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_heartbeat=HEARTBEAT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_backend=f"tasks.results:ResultStore+{settings.require('redis_url')}",
        result_expires=RESULT_TTL_SECONDS,
        redis_socket_timeout=OUTCOME_SOCKET_TIMEOUT_SECONDS,
        redis_socket_connect_timeout=OUTCOME_SOCKET_TIMEOUT_SECONDS,
        task_ignore_result=False,
        task_store_errors_even_if_ignored=False,
        worker_detect_quorum_queues=not is_redis(broker_url),
    )


def _transport_options(broker_url: str, task_time_limit_seconds: int) -> dict[str, Any]:
    options = transport_options(broker_url)
    if is_redis(broker_url):
        options |= {
            "client_name": names.WORKER_CLIENT,
            # A worker that was killed leaves its messages behind. Handled twice they do no harm, so that they can come
            # back soon, and under keys of their own: kombu gives back what lies in shared ones by anybody's clock.
            "visibility_timeout": task_time_limit_seconds + VISIBILITY_MARGIN_SECONDS,
            "unacked_key": UNACKNOWLEDGED,
            "unacked_index_key": UNACKNOWLEDGED_INDEX,
            "unacked_mutex_key": f"{UNACKNOWLEDGED}.mutex",
            "unacked_mutex_expire": 10,
            "unacked_restore_interval": RESTORE_SECONDS,
            "unacked_restore_throttle": 1,
        }
    return options


app = Celery("ocr_invoice", include=["tasks.commands"], set_as_current=False)
