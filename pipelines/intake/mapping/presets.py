"""The mappings that the project brings: files of well-known systems, each in a file of config/presets.

A preset is a mapping file. Its first comment line says what it is of, the others how it treats refunds, tax and the
rest; a line `# setting: NAME=value` is a setting that goes with it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.column_types import header_name
from pipelines.contracts import sources
from pipelines.errors import LoyaltyError
from pipelines.intake.mapping.compiler import compile_part
from pipelines.intake.mapping.config import Feed, MappingModel
from pipelines.intake.mapping.words import unknown
from pipelines.intake.nearest import nearest
from pipelines.settings import ROOT
from pipelines.yaml_lines import read_yaml

FOLDER = ROOT / "config" / "presets"
_SETTING = re.compile(r"^# setting: (LOYALTY_[A-Z_]+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Form:
    """Feeds that are read from the same files: their names, all headers that these must have, and the first feed."""

    feeds: tuple[str, ...]
    headers: tuple[str, ...]
    feed: Feed

    def missing(self, names: Iterable[str]) -> list[str]:
        """The headers that a file does not have, or has twice."""
        there = [header_name(name) for name in names]
        return [header for header in self.headers if there.count(header_name(header)) != 1]


@dataclass(frozen=True)
class Preset:
    """A mapping of the project's, as its file has it."""

    name: str
    text: str
    forms: tuple[Form, ...]

    @property
    def title(self) -> str:
        return self.text.split("\n", 1)[0].lstrip("# ").rstrip()

    @property
    def settings(self) -> dict[str, str]:
        """The settings that go with it."""
        return dict(_SETTING.findall(self.text))

    def form_of(self, names: Sequence[str]) -> tuple[Form, list[str]]:
        """The form that a file of these headers is of, or nearly is, and the headers that it lacks."""
        found = [(form, form.missing(names)) for form in self.forms]
        return min(found, key=lambda item: len(item[1]))


def preset_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        LoyaltyError: there is none of this name; the message has the nearest, and all.
    """
    if name not in preset_names():
        raise LoyaltyError(unknown(name, "preset", preset_names()))
    return read_preset(FOLDER / f"{name}.yaml")


def read_preset(path: Path) -> Preset:
    """The preset in a file."""
    raw, _ = read_yaml(path)
    model = MappingModel.model_validate(raw)
    feeds_by_files: dict[tuple[str, ...], list[str]] = {}
    for name, feed in model.feeds.items():
        feeds_by_files.setdefault(tuple(feed.files), []).append(name)
    forms = (Form(tuple(n), _headers(n, model), model.feeds[n[0]]) for n in feeds_by_files.values())
    return Preset(path.stem, path.read_text(encoding="utf-8"), tuple(forms))


def _headers(feeds: Sequence[str], model: MappingModel) -> tuple[str, ...]:
    """All headers that some part reads of the feeds, each once."""
    found: dict[str, str] = {}
    for source, parts in model.sources.items():
        for part in parts:
            if part.feed in feeds:
                for header in compile_part(sources()[source], part, model.feeds[part.feed]).headers:
                    found.setdefault(header_name(header), header)
    return tuple(found.values())


def fitting_presets(files: Sequence[Sequence[str]]) -> list[Preset]:
    """The presets of which each file, given as its headers, is a form."""
    presets = map(find_preset, preset_names())
    return [preset for preset in presets if all(not preset.form_of(names)[1] for names in files)]


def with_nearest(missing: Sequence[str], names: Sequence[str]) -> list[str]:
    """Missing headers as lines, each with what the file may have in its place."""
    lines = []
    for header in missing:
        there = [name for name in names if header_name(name) == header_name(header)]
        near = nearest(header, [name for name in names if name])
        hint = " (is there twice)" if there else f" (the nearest is {near!r})" if near else ""
        lines.append(f"  {header!r}{hint}")
    return lines


def rewritten(preset: Preset, files: Mapping[Form, Sequence[str]], dialects: Mapping[Form, Mapping[str, str]]) -> str:
    """The preset's text with other file patterns and dialects; comments and all else stay.

    Args:
        preset: The preset.
        files: The patterns of the files of a form; a form that is not there keeps its own.
        dialects: A dialect's fields as YAML; a form that is not there keeps its own.
    """
    tree = yaml.compose(preset.text)
    assert tree is not None
    feeds = {key.value: value for key, value in _pairs(_value(tree, "feeds"))}
    changes: dict[tuple[int, int], str] = {}
    for form, patterns in files.items():
        for name in form.feeds:
            node = _value(feeds[name], "files")
            changes[_span(node, preset.text)] = "[" + ", ".join(map(_quoted, patterns)) + "]"
    for form, dialect in dialects.items():
        text = "{" + ", ".join(f"{key}: {value}" for key, value in dialect.items()) + "}"
        for name in form.feeds:
            feed = {key.value: (key, value) for key, value in _pairs(feeds[name])}
            if "dialect" in feed:
                changes[_span(feed["dialect"][1], preset.text)] = text
            else:
                at = feed["files"][0].start_mark
                changes[at.index, at.index] = f"dialect: {text}\n{' ' * at.column}"
    result = preset.text
    for (start, end), text in sorted(changes.items(), reverse=True):
        result = result[:start] + text + result[end:]
    return result


def _pairs(node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
    assert isinstance(node, yaml.MappingNode)
    return list(node.value)


def _value(node: yaml.Node, name: str) -> yaml.Node:
    return next(value for key, value in _pairs(node) if key.value == name)


def _span(node: yaml.Node, text: str) -> tuple[int, int]:
    """Where a value stands, without its anchor and what follows it."""
    start, end = node.start_mark.index, node.end_mark.index
    anchor = re.match(r"&\S+\s+", text[start:end])
    return start + (anchor.end() if anchor else 0), start + len(text[start:end].rstrip())


def _quoted(text: str) -> str:
    """A text as YAML, on one line, whatever is in it."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)
