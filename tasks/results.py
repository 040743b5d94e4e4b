"""Where Celery keeps the results of single commands, for those who ask through Celery."""

from typing import Any

import structlog
from celery.backends.base import BaseKeyValueStoreBackend
from celery.backends.redis import RedisBackend

log = structlog.get_logger()


class ResultStore(RedisBackend):
    """Lets a result go that Redis does not take.

    Celery's own tries twenty times while the commands behind wait, and then calls the task failed, although its command
    has taken effect. The outcome is in the inbox, where the same command, sent again, finds it.
    """

    retry_policy = BaseKeyValueStoreBackend.retry_policy | {"max_retries": 1}  # for a connection that had gone stale

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **more: Any) -> Any:
        try:
            return super().store_result(task_id, result, state, *args, **more)
        except self.connection_errors as error:
            log.warning("result_not_stored", task_id=task_id, error=repr(error))
            return result
