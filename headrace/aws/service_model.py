"""AWS's own models of its services, which botocore brings along, read when a service is first asked.

They are read as the JSON files they are: botocore itself takes long to import.
"""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from engine.errors import HeadraceError

Model = dict[str, Any]


class ModelMissing(HeadraceError):
    """The botocore that is installed has no model of a service."""

    def __init__(self, service: str, version: str) -> None:
        super().__init__(
            f"botocore has no model of {service} {version}: reinstall Headrace with its dependencies"
        )


@cache
def service_model(service: str, version: str) -> Model:
    """Return a service's model, such as that of `sns`, `2010-03-31`, without its documentation.

    It has `metadata`, `operations` and `shapes`, each by name, as botocore's `service-2.json` has them. All
    askers share one: leave it as it is. Raises ModelMissing.
    """
    found = find_spec("botocore")
    if found is None or found.origin is None:
        raise ModelMissing(service, version)
    path = Path(found.origin).parent / "data" / service / version / "service-2.json.gz"
    try:
        model: Model = _without_documentation(orjson.loads(gzip.decompress(path.read_bytes())))
    except OSError as error:
        raise ModelMissing(service, version) from error
    return model


def _without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        # Where it is text, it is documentation; a member of that name is an object.
        return {
            name: _without_documentation(each)
            for name, each in value.items()
            if name != "documentation" or not isinstance(each, str)
        }
    if isinstance(value, list):
        return [_without_documentation(each) for each in value]
    return value
