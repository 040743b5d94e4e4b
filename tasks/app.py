"""The Celery application of the workers."""

from celery import Celery

from client.broker import HEARTBEAT_SECONDS, celery_settings, is_redis
from settings import Settings

RESULT_TTL_SECONDS = 3600
OUTCOME_SOCKET_TIMEOUT_SECONDS = 5


def configure(celery: Celery, settings: Settings) -> None:
    """Give `celery` the settings under which no accepted command is lost."""
    broker_url = settings.require("broker_url")
    celery.conf.update(
        celery_settings(broker_url),
        # The acknowledgement follows the commit; a lost child's message goes back to the queue.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure=True,
        task_acks_on_timeout=False,
        task_time_limit=settings.task_time_limit_seconds,
        worker_prefetch_multiplier=2,
        worker_concurrency=settings.worker_concurrency,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        # A message could otherwise end the worker, or make it drop commands unread (`shutdown`, `revoke`).
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_heartbeat=HEARTBEAT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_backend=settings.require("redis_url"),
        result_expires=RESULT_TTL_SECONDS,
        redis_socket_timeout=OUTCOME_SOCKET_TIMEOUT_SECONDS,
        redis_socket_connect_timeout=OUTCOME_SOCKET_TIMEOUT_SECONDS,
        task_ignore_result=False,
        task_store_errors_even_if_ignored=False,
        worker_detect_quorum_queues=not is_redis(broker_url),
    )


app = Celery("ocr_invoice", include=["tasks.commands"], set_as_current=False)
