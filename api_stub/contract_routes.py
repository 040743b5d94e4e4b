"""`/asyncapi.json`, and `/schemas/…`, where each event's `dataschema` leads: open to anybody, as `/openapi.json` is."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from api_stub import asyncapi
from api_stub.headers import none_match
from api_stub.problems import Problem
from models import names
from models.schemas import given, taken

ASYNCAPI = "/asyncapi.json"
SCHEMA_TYPE = "application/schema+json"
CACHE = {"Cache-Control": "public, max-age=3600"}
"""A contract changes with a deployment, and then only so that those who have the old one can go on."""


def install(app: FastAPI) -> None:
    """Serve the documents, which are made once: nobody has to hold a key to cost us nothing."""
    schemas = {name: _file(schema, SCHEMA_TYPE) for name, schema in (taken() | given()).items()}
    index = {name: names.schema_address(name) for name in schemas}

    async def schema(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in schemas:
            raise Problem("not_found", f"there is no such schema; {names.SCHEMAS} lists all")
        return schemas[name](request)

    _serve(app, ASYNCAPI, _file(asyncapi.document(), asyncapi.MEDIA_TYPE))
    _serve(app, names.SCHEMAS, _file(index, "application/json"))
    app.add_route(names.schema_address("{name}"), schema)


def _serve(app: FastAPI, path: str, answer: Callable[[Request], Response]) -> None:
    async def served(request: Request) -> Response:
        return answer(request)

    app.add_route(path, served)


def _file(document: dict[str, Any], media_type: str) -> Callable[[Request], Response]:
    body = orjson.dumps(document)
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {**CACHE, "ETag": tag}

    def answer(request: Request) -> Response:
        if none_match(request.headers.get("if-none-match"), tag):
            return Response(body, headers=headers, media_type=media_type)
        return Response(status_code=304, headers=headers)

    return answer
