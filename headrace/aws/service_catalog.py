"""Which AWS services there are, and what a request in a REST protocol asks of one: by botocore's models.

Read when a request is for a service that Headrace does not simulate: half a second then, nothing before.
"""

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from engine.value import dataclass
from headrace.aws.service_model import service_model

HEAD_BYTES = 4096  # of a model: where its metadata is
METADATA = re.compile(rb'"(endpointPrefix|signingName)"\s*:\s*"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Service:
    """A service by the names of its model, such as `sesv2`, `2019-09-27`."""

    name: str
    version: str


def rest_operation(scope: str, method: str, raw_path: str) -> str | None:
    """Return the operation of the service signed for as `scope` that a request is for; None if unknown.

    Where several services share a scope, the operation whose path says the most is the one.
    """
    path, _, query = raw_path.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    found: tuple[int, str] | None = None
    for service in _services().get(scope, ()):
        for name, operation in service_model(service.name, service.version)["operations"].items():
            score = _match(operation["http"], method, path, given)
            if score is not None and (found is None or score > found[0]):
                found = score, name
    return None if found is None else found[1]


def _match(http: Mapping[str, Any], method: str, path: str, query: Mapping[str, str]) -> int | None:
    """Return how much of a request an operation's own text covers; None when it does not match."""
    template, _, constants = http["requestUri"].partition("?")
    if http["method"] != method or not _pattern(template).fullmatch(path):
        return None
    wanted = dict(parse_qsl(constants, keep_blank_values=True))
    if any(query.get(name) != value for name, value in wanted.items()):
        return None
    return len(re.sub(r"\{[^}]*\}", "", template)) + 100 * len(wanted)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template.rstrip("/"))
    written = (
        (".+" if part.endswith("+}") else "[^/]+") if part.startswith("{") else re.escape(part)
        for part in parts
    )
    return re.compile("".join(written) + "/?")


@cache
def _services() -> Mapping[str, Sequence[Service]]:
    """Return the services by the name in the scope of their signatures, each in its newest version."""
    found: dict[str, list[Service]] = {}
    for path in _newest_models():
        with gzip.open(path) as file:
            metadata = dict(METADATA.findall(file.read(HEAD_BYTES)))
        scope = metadata.get(b"signingName", metadata.get(b"endpointPrefix"))
        if scope is not None:
            found.setdefault(scope.decode(), []).append(Service(path.parts[-3], path.parts[-2]))
    return found


def _newest_models() -> Iterator[Path]:
    botocore = find_spec("botocore")
    if botocore is None or botocore.origin is None:
        return
    for folder in sorted((Path(botocore.origin).parent / "data").iterdir()):
        models = sorted(folder.glob("*/service-2.json.gz"))
        yield from models[-1:]
