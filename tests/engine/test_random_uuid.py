from uuid import RFC_4122, UUID

from engine.random_uuid import random_uuid


def test_it_is_a_uuid_of_version_4_and_another_each_time() -> None:
    made = [random_uuid() for _ in range(1000)]
    assert len(set(made)) == 1000
    for text in made:
        uuid = UUID(text)
        assert (str(uuid), uuid.version, uuid.variant) == (text, 4, RFC_4122)
