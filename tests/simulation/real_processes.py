"""Lets a scenario run with real handlers, in processes of their own."""

import hashlib
import json
import shutil
from pathlib import Path

from tests.simulation.scenario import Scenario

HANDLER = Path(__file__).with_name("real_handler.py")


def use_real_handlers(scenario: Scenario, folder: Path) -> None:
    """Write the functions' code below `folder`, and change the configuration so that they run it.

    They fail as a whole or not at all, and keep no state of windows.
    """
    code = folder / "code"
    code.mkdir()
    shutil.copy(HANDLER, code / "app.py")
    items = scenario.items.values()
    etags = {hashlib.md5(item.text().encode()).hexdigest(): item.token for item in items}
    (code / "etags.json").write_text(json.dumps(etags))
    (code / "memory.json").write_text(json.dumps({item.token: item.fails for item in items if item.fails}))
    for function in scenario.tables["functions"].values():
        del function["command"]
        function |= {"handler": "app.handler", "code": "code"}
    for mapping in scenario.mappings:
        mapping.pop("function_response_types", None)
        mapping.pop("tumbling_window_in_seconds", None)
