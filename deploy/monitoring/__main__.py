"""Writes all files anew."""

from deploy.monitoring.files import DEPLOY, files

for name, text in files().items():
    path = DEPLOY / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
