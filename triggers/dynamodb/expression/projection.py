"""Takes the attributes that a projection expression names out of an item.

Source: DynamoDB developer guide, "Projection expressions". Elements of a list keep their order and close up.
"""

from collections.abc import Iterable
from typing import Any

from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.expression.evaluation import Item, find
from triggers.dynamodb.expression.tree import Parts

_Tree = dict[str | int, Any]


def project(item: Item, paths: Iterable[Parts]) -> dict[str, AttributeValue]:
    """Return what is at the paths, within the maps and lists that lead there. The paths do not overlap."""
    tree: _Tree = {}
    for parts in paths:
        if find(parts, item) is None:
            continue
        branch = tree
        for part in parts[:-1]:
            branch = branch.setdefault(part, {})
        branch[parts[-1]] = None
    return {str(name): _pruned(item[str(name)], branch) for name, branch in tree.items()}


def _pruned(value: AttributeValue, tree: _Tree | None) -> AttributeValue:
    if tree is None:
        return value
    if "L" in value:
        elements = value["L"]
        return {"L": [_pruned(elements[int(index)], tree[index]) for index in sorted(tree)]}
    return {"M": {str(name): _pruned(value["M"][name], branch) for name, branch in tree.items()}}
