"""When the embedded pair is used, and when servers of its own are asked for; and what Celery is told of a broker."""

from pathlib import Path

import pytest

from connecting_families.embedded import broker_url, ensure


@pytest.mark.parametrize(("given", "missing"), [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")])
def test_one_of_the_two_settings_alone_names_the_other(given: str, missing: str) -> None:
    with pytest.raises(SystemExit, match=f"The setting {missing} is missing. Set it as well as {given}"):
        ensure({given: "x://y"})


def test_with_both_settings_nothing_is_embedded(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": "postgresql://a@b/c", "REDIS_URL": "redis://d", "CF_DATA_DIR": str(tmp_path / "none")}
    before = dict(settings)
    assert ensure(settings) is False
    assert settings == before
    assert not (tmp_path / "none").exists()


def test_production_has_servers_of_its_own() -> None:
    with pytest.raises(SystemExit, match="DATABASE_URL and REDIS_URL are missing"):
        ensure({"CF_PRODUCTION": "1"})


@pytest.mark.parametrize(
    ("address", "broker"),
    [
        ("unix:///run/a%20b.sock?db=3", "redis+socket:///run/a%20b.sock?virtual_host=3"),
        ("unix:///run/a.sock", "redis+socket:///run/a.sock?virtual_host=0"),
        ("rediss://h:6380/1", "rediss://h:6380/1"),
    ],
)
def test_celery_gets_the_broker_s_address_as_it_wants_it(address: str, broker: str) -> None:
    assert broker_url(address) == broker
