"""What several tests of intake share: a retailer's own contract."""

import pytest
import yaml

from pipelines.catalog import tables
from pipelines.contracts import CONTRACTS, sources
from pipelines.settings import load_settings


@pytest.fixture
def own_contract(tmp_path, monkeypatch):
    """Change a source's contract as a retailer would: a copy in a folder of their own."""
    folder = tmp_path / "contracts" / "sources"
    folder.mkdir(parents=True)

    def forget():
        for cached in (load_settings, sources, tables):
            cached.cache_clear()

    def change(source, *, server=None, custom=None, columns=()):
        document = yaml.safe_load((CONTRACTS / "sources" / f"{source}.yaml").read_text())
        if server:
            document["servers"] = [{"server": "landing", "type": "custom", **server}]
        schema = document["schema"][0]
        schema.setdefault("customProperties", []).extend({"property": k, "value": v} for k, v in (custom or {}).items())
        for column in columns:
            schema["properties"] = [p for p in schema["properties"] if p["name"] != column["name"]] + [column]
        (folder / f"{source}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
        monkeypatch.setenv("LOYALTY_CONTRACTS", str(folder.parent))
        forget()
        return folder / f"{source}.yaml"

    yield change
    monkeypatch.delenv("LOYALTY_CONTRACTS", raising=False)
    forget()
