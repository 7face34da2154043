"""The services of docker-compose.yml, as they are described. tests/guides starts them."""

from tests.deployment.compose import described

PROGRAM = ("migrate", "web", "worker", "beat", "backup", "restore")
SERVERS = ("db", "broker")


def test_every_service_is_closed_and_only_the_web_is_published() -> None:
    file = described()
    assert set(file["services"]) == {*PROGRAM, *SERVERS}
    for name, service in file["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] not in ("", "root", "0", "0:0"), name
        assert "privileged" not in service, name
        assert service["restart"], name
        assert ("healthcheck" in service) is (name not in ("migrate", "backup", "restore")), name
        assert ("ports" in service) is (name == "web"), name
    assert file["services"]["web"]["ports"] == ["127.0.0.1:${CF_PORT:-8000}:8000"]
    assert file["networks"]["inside"]["internal"] is True
    after = {name: file["services"][name]["depends_on"] for name in ("web", "worker", "beat")}
    assert {each["migrate"]["condition"] for each in after.values()} == {"service_completed_successfully"}


def test_secrets_are_files_that_only_whoever_needs_one_is_given() -> None:
    file = described()
    for name, service in file["services"].items():
        given = {f"/run/secrets/{each}" for each in service.get("secrets", [])}
        named = {str(value) for key, value in service.get("environment", {}).items() if key.endswith("_FILE")}
        assert named <= given, name
    holders = {name for name, service in file["services"].items() if "database_owner_url" in service.get("secrets", [])}
    assert holders == {"migrate", "restore"}
    used = {each for service in file["services"].values() for each in service.get("secrets", [])}
    assert used == set(file["secrets"])
