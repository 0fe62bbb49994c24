"""The recorded events, example functions and example configuration that come with Headrace."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def fixtures_folder() -> Path:
    """Return the folder of fixtures: inside the package when installed, beside it in a checkout."""
    installed = PACKAGE / "fixtures"
    return installed if installed.is_dir() else PACKAGE.parent / "fixtures"


def example_configuration() -> Path:
    """Return the configuration that shows every option."""
    installed = PACKAGE / "config.example.toml"
    return installed if installed.is_file() else PACKAGE.parent / "config.example.toml"
