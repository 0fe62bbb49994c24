"""Amazon Resource Names of what lives in the simulated account."""

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """The account and region that every local resource belongs to."""

    account_id: str = "000000000000"
    region: str = "us-east-1"
    partition: str = "aws"

    def function(self, name: str, qualifier: str | None = None) -> str:
        """Return a function's ARN, ending in `:qualifier` when one is given."""
        arn = self._arn("lambda", f"function:{name}")
        return arn if qualifier is None else f"{arn}:{qualifier}"

    def queue(self, name: str) -> str:
        """Return the ARN of an SQS queue."""
        return self._arn("sqs", name)

    def rule(self, name: str) -> str:
        """Return the ARN of an EventBridge rule on the default bus."""
        return self._arn("events", f"rule/{name}")

    def schedule(self, name: str, group: str = "default") -> str:
        """Return the ARN of an EventBridge Scheduler schedule."""
        return self._arn("scheduler", f"schedule/{group}/{name}")

    def bucket(self, name: str) -> str:
        """Return the ARN of a bucket, which names neither region nor account."""
        return f"arn:{self.partition}:s3:::{name}"

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"
