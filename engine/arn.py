"""Amazon Resource Names of what lives in the simulated account."""

from functools import lru_cache

from engine.value import dataclass

PARTITIONS = {  # by how the names of their regions begin; all others are in `aws`
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


@lru_cache(maxsize=64)
def partition_of(region: str) -> str:
    """Return the partition of a region, the second part of ARNs. Source: botocore's partitions.json."""
    found = (name for beginning, name in PARTITIONS.items() if region.startswith(beginning))
    return next(found, "aws")


def account_root(account_id: str, arn: str) -> str:
    """Return the principal that means a whole account, in a policy of the resource with this ARN."""
    return f"arn:{partition_in(arn)}:iam::{account_id}:root"


def partition_in(arn: str) -> str:
    """Return the partition that an ARN names."""
    return arn.split(":", 2)[1]


@dataclass(frozen=True, slots=True)
class Account:
    """The account and region that every local resource belongs to."""

    account_id: str = "000000000000"
    region: str = "us-east-1"

    @property
    def partition(self) -> str:
        """The part of AWS that the region belongs to, such as `aws-cn`."""
        return partition_of(self.region)

    def function(self, name: str, qualifier: str | None = None) -> str:
        """Return a function's ARN, ending in `:qualifier` when one is given."""
        arn = self._arn("lambda", f"function:{name}")
        return arn if qualifier is None else f"{arn}:{qualifier}"

    def layer(self, name: str, version: int | None = None) -> str:
        """Return the ARN of a layer, or of one of its versions."""
        arn = self._arn("lambda", f"layer:{name}")
        return arn if version is None else f"{arn}:{version}"

    def queue(self, name: str) -> str:
        """Return the ARN of an SQS queue."""
        return self._arn("sqs", name)

    def topic(self, name: str) -> str:
        """Return the ARN of an SNS topic."""
        return self._arn("sns", name)

    def stream(self, name: str) -> str:
        """Return the ARN of a Kinesis data stream."""
        return self._arn("kinesis", f"stream/{name}")

    def table(self, name: str) -> str:
        """Return the ARN of a DynamoDB table."""
        return self._arn("dynamodb", f"table/{name}")

    def table_stream(self, name: str, label: str) -> str:
        """Return the ARN of a DynamoDB table's stream; `label` is the moment it was enabled at."""
        return self._arn("dynamodb", f"table/{name}/stream/{label}")

    def event_source_mapping(self, uuid: str) -> str:
        """Return the ARN of an event source mapping."""
        return self._arn("lambda", f"event-source-mapping:{uuid}")

    def role(self, name: str) -> str:
        """Return the ARN of an IAM role, which names no region."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{name}"

    def event_bus(self, name: str) -> str:
        """Return the ARN of an EventBridge bus."""
        return self._arn("events", f"event-bus/{name}")

    def rule(self, name: str, bus: str = "default") -> str:
        """Return the ARN of an EventBridge rule, which names its bus unless that is the default one."""
        return self._arn("events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")

    def archive(self, name: str) -> str:
        """Return the ARN of an EventBridge archive."""
        return self._arn("events", f"archive/{name}")

    def replay(self, name: str) -> str:
        """Return the ARN of an EventBridge replay."""
        return self._arn("events", f"replay/{name}")

    def schedule(self, name: str, group: str = "default") -> str:
        """Return the ARN of an EventBridge Scheduler schedule."""
        return self._arn("scheduler", f"schedule/{group}/{name}")

    def schedule_group(self, name: str) -> str:
        """Return the ARN of an EventBridge Scheduler schedule group."""
        return self._arn("scheduler", f"schedule-group/{name}")

    def bucket(self, name: str) -> str:
        """Return the ARN of a bucket, which names neither region nor account."""
        return f"arn:{self.partition}:s3:::{name}"

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"
