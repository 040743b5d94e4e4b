"""Where an answer leads (OpenAPI links): which operations take what it holds."""

from typing import Any

Links = dict[str, Any]


def _links(parameters: dict[str, str], *operations: str) -> Links:
    return {operation: {"operationId": operation, "parameters": parameters} for operation in operations}


TO_GROUP = _links(
    {"id": "$response.body#/data/id"},
    "getJobGroup",
    "replaceJobGroup",
    "patchJobGroup",
    "deleteJobGroup",
    "startJobGroup",
    "pauseJobGroup",
    "resumeJobGroup",
    "cancelJobGroup",
    "sealJobGroup",
    "retryJobGroup",
    "addJobs",
    "listJobs",
    "listEvents",
    "listDeliveries",
    "explainJobGroup",
)
TO_JOBS = _links({"id": "$request.path.id"}, "listJobs")
TO_JOB = _links(
    {"id": "$request.path.id", "jobId": "$response.body#/data/0/id"}, "getJob", "explainOneJob", "reviewJob"
)
TO_DELIVERY = _links({"id": "$request.path.id", "deliveryId": "$response.body#/data/0/id"}, "getDelivery", "redeliver")
TO_COMMAND = _links({"id": "$response.body#/data/commandId"}, "getCommand")
