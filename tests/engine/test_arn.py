"""ARNs name the partition of their region."""

import pytest
from botocore.loaders import Loader

from engine.arn import Account, account_root

REGIONS = [
    pytest.param(name, partition["id"], id=name)
    for partition in Loader().load_data("partitions")["partitions"]
    for name in partition["regions"]
    if not name.endswith("-global")
]


@pytest.mark.parametrize(("region", "partition"), REGIONS)
def test_each_region_is_in_the_partition_that_botocore_says(region: str, partition: str) -> None:
    assert Account(region=region).partition == partition


def test_arns_and_principals_have_it() -> None:
    china = Account("123456789012", "cn-north-1")
    assert china.queue("jobs") == "arn:aws-cn:sqs:cn-north-1:123456789012:jobs"
    assert china.bucket("inbox") == "arn:aws-cn:s3:::inbox"
    assert china.role("reader") == "arn:aws-cn:iam::123456789012:role/reader"
    assert account_root("000000000000", china.topic("news")) == "arn:aws-cn:iam::000000000000:root"
    assert Account().queue("jobs") == "arn:aws:sqs:us-east-1:000000000000:jobs"
