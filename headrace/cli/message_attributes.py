"""Message attributes as commands are given them: `--attribute size:Number=3`."""

from collections.abc import Sequence

import click


def message_attributes(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return attributes in the form of the SQS API. Raises a usage error for what is none."""
    attributes: dict[str, dict[str, str]] = {}
    for name, value in map(_attribute, texts):
        if name in attributes:
            raise click.BadParameter(f"{name} is given twice", param_hint="--attribute")
        attributes[name] = value
    return attributes


def _attribute(text: str) -> tuple[str, dict[str, str]]:
    """Return the name and the value, in the form of the SQS API, of NAME[:TYPE]=VALUE."""
    left, equals, value = text.partition("=")
    name, colon, data_type = left.partition(":")
    data_type = data_type if colon else "String"
    kind = data_type.partition(".")[0]
    if not equals or not name or kind not in ("String", "Number", "Binary"):
        raise click.BadParameter(
            f"{text!r} is not NAME=VALUE or NAME:TYPE=VALUE, with TYPE String, Number or Binary",
            param_hint="--attribute",
        )
    if kind != "Binary":
        return name, {"DataType": data_type, "StringValue": value}
    import base64
    import binascii

    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        text = f"{name}: a binary value is given in base64: {error}"
        raise click.BadParameter(text, param_hint="--attribute") from error
    return name, {"DataType": data_type, "BinaryValue": value}
