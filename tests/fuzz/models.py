"""The services that answer on the endpoint, as botocore's models describe them."""

from collections.abc import Sequence
from functools import cache

import botocore.session
from botocore.model import OperationModel, ServiceModel

SERVICES = (
    "sqs",
    "kinesis",
    "sns",
    "events",
    "scheduler",
    "dynamodb",
    "dynamodbstreams",
    "s3",
    "lambda",
    "logs",
    "sts",
    "iam",
)


@cache
def model(service: str) -> ServiceModel:
    """Return the model of a service."""
    loader = botocore.session.get_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


@cache
def operations(service: str) -> Sequence[OperationModel]:
    """Return all operations of a service."""
    return [model(service).operation_model(name) for name in model(service).operation_names]
