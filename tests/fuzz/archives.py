"""Packages of functions as clients may send them: good ones, and what must not do harm."""

import io
import zipfile
from collections.abc import Mapping


def _zip(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return content.getvalue()


HANDLER_ZIP = _zip({"app.py": b"def handler(event, context):\n    return event\n"})
EMPTY_ZIP = _zip({})
ESCAPING_ZIP = _zip({"../escaped.py": b"", "/tmp/escaped.py": b"", "app.py": b""})
