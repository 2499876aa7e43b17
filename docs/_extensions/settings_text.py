"""Every setting as a page in Markdown, read off `zpoints.config`."""

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import zpoints.config as config

__all__ = ["field_texts", "settings_page"]


def settings_page() -> str:
    """Every setting, table by table of the TOML file: its type, its default, what it means."""
    texts = field_texts()
    schemas = config.Settings.model_json_schema()
    parts = ["## At the top", "", *_fields(config.Settings, schemas, texts["Settings"])]
    for name, field in config.Settings.model_fields.items():
        kind = type(field.default)
        if issubclass(kind, config.Section):
            schema = schemas["$defs"][kind.__name__]
            parts += [f"## [{name}]", "", str(inspect.getdoc(kind)), ""]
            parts += _fields(kind, schema, texts[kind.__name__], f"{name}.")
    return "\n".join(parts)


def field_texts() -> dict[str, dict[str, str]]:
    """What stands below each field, by class and field."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(config)).body:
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            found[node.name] = {
                field.target.id: inspect.cleandoc(text.value.value)
                for field, text in pairs
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            }
    return found


def _fields(kind: Any, schema: dict[str, Any], texts: dict[str, str], prefix: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        if isinstance(field.default, config.Section):
            continue
        value = _toml(field.default)
        yield f"(setting-{prefix}{name})="
        yield f"`{prefix}{name}` = `{value}`"
        yield f": *{_words(schema['properties'][name])}.* {' '.join(texts[name].split())}"
        yield ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return "{}" if value == {} else f"{value!r}"


def _words(schema: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "anyOf" in schema:
        return " or ".join(_words(part) for part in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema.get("enum", [schema.get("const")]))
    if "prefixItems" in schema:
        return f"[{', '.join(_words(part) for part in schema['prefixItems'])}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_words(schema['items'])}"
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    limits = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    said = [
        f"{word} {schema[key]:g}"
        for key, word in limits.items()
        if key in schema and abs(schema[key]) < 2**60
    ]
    return " ".join([names.get(str(kind), "table"), *said])
