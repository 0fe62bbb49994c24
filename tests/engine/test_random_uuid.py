from uuid import RFC_4122, UUID

from engine.random_uuid import random_hex, random_uuid, seed_names


def test_it_is_a_uuid_of_version_4_and_another_each_time() -> None:
    made = [random_uuid() for _ in range(1000)]
    assert len(set(made)) == 1000
    for text in made:
        uuid = UUID(text)
        assert (str(uuid), uuid.version, uuid.variant) == (text, 4, RFC_4122)


def test_after_a_seed_the_same_names_come_again() -> None:
    def names(seed: int) -> list[str]:
        seed_names(seed)
        return [random_uuid(), random_hex(16), random_uuid()]

    try:
        assert names(1) == names(1)
        assert names(1) != names(2)
    finally:
        seed_names(None)


def test_hexadecimal_digits_are_as_many_as_asked_for() -> None:
    assert {len(random_hex(digits=24)) for _ in range(1000)} == {24}
