"""All documents as files."""

import json
from pathlib import Path

from stream.documents import asyncapi, json_schema
from stream.errors import UsageError
from stream.rules import Rules
from stream.settings import Settings


def contents(settings: Settings) -> dict[str, str]:
    """The text of each document by its file's name."""
    found = {
        f"{name}.schema.json": document
        for name, document in json_schema.documents(Rules.of(settings)).items()
    }
    found["asyncapi.json"] = asyncapi.document(settings)
    return {
        name: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for name, document in found.items()
    }


def write(settings: Settings, folder: Path) -> list[Path]:
    """Write all documents into a folder, which is made if need be. Raises UsageError."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents(settings).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror}."
        ) from error
    return written
