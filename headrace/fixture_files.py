"""Where the files are that come with Headrace: example events, example functions, the example configuration.

In a wheel they lie inside this package; in a checkout, beside it.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent


def fixtures() -> Path:
    """Return the folder of example events and functions."""
    return _beside_or_inside("fixtures")


def example_configuration() -> Path:
    """Return the configuration file that shows and explains every option."""
    return _beside_or_inside("config.example.toml")


def _beside_or_inside(name: str) -> Path:
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent / name
