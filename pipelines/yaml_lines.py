"""YAML with the line of each entry, for sentences about what is wrong in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay text, and whose yes, no, on and off do."""


_DROPPED = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _DROPPED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class UnreadableYamlError(ValueError):
    """A text is no YAML; `line` is where, if that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Fault:
    """What is wrong at a place in the file."""

    path: Path
    line: int | None
    place: Place
    message: str

    def __str__(self) -> str:
        line = [] if self.line is None else [f"line {self.line}"]
        words = ", ".join(f"no. {step + 1}" if isinstance(step, int) else step for step in self.place)
        return ", ".join([f"{self.path}", *line, *([words] if words else [])]) + f": {self.message}"


class Lines:
    """Where entries stand. `repeated` are the places of keys that are there twice."""

    def __init__(self, tree: yaml.Node | None) -> None:
        self._lines: dict[Place, int] = {}
        self.repeated: list[Place] = []
        if tree is not None:
            self._walk(tree, ())

    def _walk(self, node: yaml.Node, place: Place) -> None:
        steps: list[tuple[yaml.Node, str | int, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            steps = [(key, f"{key.value}", value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            steps = [(item, number, item) for number, item in enumerate(node.value)]
        for marked, step, value in steps:
            inner = (*place, step)
            if inner in self._lines:
                self.repeated.append(inner)
            self._lines[inner] = marked.start_mark.line + 1
            self._walk(value, inner)

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest around it that the file has."""
        return next((self._lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self._lines), None)


def read_yaml(path: Path, content: bytes | None = None) -> tuple[Any, Lines]:
    """What a file, or the content in its place, holds, and where it stands.

    Raises:
        UnreadableYamlError: the file can't be read, is not in UTF-8 or is no YAML.
    """
    try:
        found = path.read_bytes() if content is None else content
        loader = _Loader(found.decode("utf-8-sig"))
        tree = loader.get_single_node()
        lines = Lines(tree)
        return (loader.construct_document(tree) if tree else None), lines
    except OSError as error:
        raise UnreadableYamlError(f"the file can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UnreadableYamlError("the file is not in UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise UnreadableYamlError("an alias (*) stands within what it is an alias of; write it out") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or f"{error}"
        raise UnreadableYamlError(
            f"not readable as YAML: {said}; indent with blanks, all fields alike, and put a value with : # or brackets "
            "in it in single quotes",
            mark.line + 1 if isinstance(mark, yaml.Mark) else None,
        ) from error
